#include <string>

#include "ctl/command_tree.h"

namespace b3::ctl {
namespace {

CLI::App* with_page(CLI::App* list, Target& target, const std::string& usual, int most) {
  list->add_option("--limit", target.invocation.limit, "how many, at most (default: " + usual + ")")
      ->check(CLI::Range(1, most));
  list->add_option("--offset", target.invocation.offset, "how many to leave out before them")
      ->check(CLI::Range(0, 1'000'000'000));
  return list;
}

CLI::App* with_page(CLI::App* list, Target& target) {
  return with_page(list, target, "all", 1'000'000'000);
}

void add_audit(CLI::App& group, Target& target) {
  auto* audit = add_command(group, "audit", "who changed what, newest first", target,
                            Action::show_audit, "show audit --since 2h --kind backend");
  Invocation& invocation = target.invocation;
  audit->add_option("--subject", invocation.subject, "only what this token's owner did");
  audit->add_option("--kind", invocation.kind, "frontend, backend, meeting, command or token");
  audit->add_option("--action", invocation.recorded_action, "only this kind of change");
  audit->add_option("--object", invocation.object_id, "only this object, by its id");
  audit->add_option("--since", invocation.since, "an age like 2h or 7d, or a time (RFC 3339)");
  with_page(audit, target, "50", 1000);
}

void add_work_lists(CLI::App& group, Target& target) {
  auto* commands = add_command(group, "commands", "work under way and done, newest first", target,
                               Action::show_commands, "show commands --backend bbb1");
  with_page(commands, target)
      ->add_option("--backend", target.invocation.backend, "only those of this backend");
  commands->add_option("--state", target.invocation.state, "requested, running, success or error");
  add_name(*add_command(group, "command", "one command with its result", target,
                        Action::show_command, "show command 3f0c2f0a-8a51-4d7c-8a3e-6f6a0f0d5a11"),
           target, "ID", "the command's UUID");
  auto* recordings = add_command(group, "recordings", "recordings of the frontends", target,
                                 Action::show_recordings, "show recordings --frontend moodle");
  with_page(recordings, target)
      ->add_option("--frontend", target.invocation.frontend, "only those of this frontend");
  with_page(add_command(group, "tokens", "access tokens that were revoked", target,
                        Action::show_tokens, "show tokens"),
            target);
}

}  // namespace

void add_show(CLI::App& app, Target& target) {
  auto& group = add_group(app, "show", "look at the cluster");
  add_command(group, "status", "the balancer, its database and how much there is", target,
              Action::show_status, "show status");
  with_page(add_command(group, "frontends", "all frontends", target, Action::show_frontends,
                        "show frontends"),
            target);
  add_name(*add_command(group, "frontend", "one frontend with its settings", target,
                        Action::show_frontend, "show frontend moodle --show-secrets"),
           target, "KEY", key_help);
  with_page(add_command(group, "backends",
                        "all backends: meetings (MC), attendees (AC), attendees per meeting (R), "
                        "load factor (LF), and whether meetings can be placed there",
                        target, Action::show_backends, "show backends"),
            target);
  add_name(*add_command(group, "backend", "one backend with its settings and its host's figures",
                        target, Action::show_backend, "show backend bbb1.example.org"),
           target, "HOST", host_help);
  auto* meetings = add_command(group, "meetings", "meetings and where they are", target,
                               Action::show_meetings, "show meetings --backend bbb1");
  with_page(meetings, target)
      ->add_option("--backend", target.invocation.backend, "only those of this backend");
  meetings->add_option("--frontend", target.invocation.frontend, "only those of this frontend");
  add_name(*add_command(group, "meeting", "one meeting", target, Action::show_meeting,
                        "show meeting moodle~math-101"),
           target, "ID", meeting_help);
  add_work_lists(group, target);
  add_audit(group, target);
}

void add_explain(CLI::App& app, Target& target) {
  auto* explain =
      add_command(app, "explain", "why a meeting is where it is", target, Action::explain,
                  "explain moodle~math-101\n  b3scalectl explain --frontend moodle");
  auto* meeting = explain->add_option("MEETING", target.invocation.name, meeting_help);
  auto* frontend = explain->add_option("--frontend", target.invocation.frontend,
                                       "instead: where would its next meeting go");
  meeting->excludes(frontend);
  explain
      ->add_option("--expected-size", target.invocation.expected_size,
                   "how many people the new meeting is for")
      ->needs(frontend);
}

void add_watch(CLI::App& app, Target& target) {
  auto* watch = add_command(app, "watch", "the cluster, live in the terminal; q or Ctrl-C ends it",
                            target, Action::watch, "watch --interval 5s");
  watch->add_option("--interval", target.interval, "how often it is looked at")
      ->capture_default_str();
}

}  // namespace b3::ctl
