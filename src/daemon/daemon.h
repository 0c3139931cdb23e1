// b3scaled: wires the rooms together and runs them until a signal asks it to stop.
#pragma once

#include "config/config.h"

namespace b3::daemon {

// Serves until SIGTERM or SIGINT, drains, returns the exit code. Throws when it can not start;
// the text is for the operator.
int serve(const config::DaemonConfig& config);

// Opens the database and brings its schema up to date, then returns. For --migrate.
int migrate(const config::DaemonConfig& config);

}  // namespace b3::daemon
