// The table. Parsing, --help and docs/configuration.md are all made from it.
#include <array>

#include "config/config.h"

namespace b3::config {
namespace {

constexpr std::string_view log_levels = "panic|fatal|error|warn|info|debug|trace|5|4|3|2|1|0|-1";

constexpr std::array table{
    Variable{"B3SCALE_LISTEN_HTTP", Kind::address, "127.0.0.1:42353", "", "b3scaled",
             "Where the balancer listens for HTTP. \":42353\" means all addresses, \"[::1]:42353\" "
             "an IPv6 one; put a TLS proxy in front of it."},
    Variable{"B3SCALE_DB_URL", Kind::database,
             "postgres://postgres:postgres@localhost:5432/b3scale", "", "b3scaled, b3scalenoded",
             "The database: postgres://... or postgresql://..., a libpq keyword string (host=... "
             "dbname=...), or sqlite:FILE for a single balancer."},
    Variable{
        "B3SCALE_DB_LISTEN_URL", Kind::database, "", "", "b3scaled",
        "A direct connection to the same PostgreSQL database (poolers do not pass notifications "
        "on): balancers then hear of each other's changes at once instead of looking every "
        "100 ms. Off without it."},
    Variable{"B3SCALE_DB_POOL_SIZE", Kind::integer, "128", "1..1000", "b3scaled",
             "The most database connections to open. The daemon answers reads from memory and "
             "needs far fewer: this is a maximum, not a reservation. SQLite always uses one."},
    Variable{"B3SCALE_REVERSE_PROXY_MODE", Kind::boolean, "false", "", "b3scaled",
             "Accepted from older installations but without effect: browsers are always redirected "
             "to the "
             "node that has the meeting."},
    Variable{"B3SCALE_PUBLIC_URL", Kind::url, "", "", "b3scaled",
             "The URL under which tenants reach the balancer; used for display only."},
    Variable{"B3SCALE_LOG_LEVEL", Kind::choice, "info", log_levels,
             "b3scaled, b3scaleagent, b3scalenoded",
             "The least severe level that is logged, by name or number."},
    Variable{"B3SCALE_LOG_FORMAT", Kind::choice, "structured", "structured|plain",
             "b3scaled, b3scaleagent, b3scalenoded",
             "One JSON object per line, or lines for people."},
    Variable{"B3SCALE_API_JWT_SECRET", Kind::secret, "", "", "b3scaled",
             "The key that signs the tokens of the REST API; use at least 16 random characters. "
             "Without it the API is off."},
    Variable{"B3SCALE_API_JWT_SECRET_PREVIOUS", Kind::secret, "", "", "b3scaled",
             "A second key that is accepted, never used to sign: set it to the old secret while "
             "tokens are being replaced."},
    Variable{"B3SCALE_METRICS_LISTEN", Kind::address, "", "", "b3scaled",
             "An address of its own for /metrics. The main address serves it then no more."},
    Variable{"B3SCALE_METRICS_TOKEN", Kind::secret, "", "", "b3scaled",
             "Asks whoever reads /metrics for this bearer token."},
    Variable{"B3SCALE_METRICS_PER_MEETING", Kind::boolean, "false", "", "b3scaled",
             "Adds series for every meeting to /metrics. They name meetings, and there can be "
             "thousands."},
    Variable{"B3SCALE_PLACEMENT_POLICY", Kind::choice, "expected-load", "expected-load|classic",
             "b3scaled",
             "How nodes are compared for a new meeting: by the load to be expected, or by meetings "
             "plus attendees as the previous implementation did."},
    Variable{"B3SCALE_REFRESH_INTERVAL", Kind::duration, "5s", "100ms..10m", "b3scaled",
             "How often every node is asked for its meetings."},
    Variable{"B3SCALE_REFRESH_TIMEOUT", Kind::duration, "10s", "100ms..5m", "b3scaled",
             "How long a node may take to answer a refresh before it counts as failed."},
    Variable{"B3SCALE_NODE_CONNECT_TIMEOUT", Kind::duration, "3s", "10ms..1m", "b3scaled",
             "How long name resolution, connecting and the TLS handshake with a node may take."},
    Variable{"B3SCALE_NODE_RESPONSE_TIMEOUT", Kind::duration, "15s", "100ms..5m", "b3scaled",
             "How long a node may take to answer a call once it is sent."},
    Variable{"B3SCALE_NODE_SLOW_AFTER", Kind::duration, "5s", "10ms..5m", "b3scaled",
             "A node that answers a refresh later than this gets no new meetings."},
    Variable{"B3SCALE_NODE_AVOID_AFTER_FAILURES", Kind::integer, "1", "1..100", "b3scaled",
             "After so many failed or slow refreshes in a row a node is avoided: it keeps its "
             "meetings and gets no new ones."},
    Variable{"B3SCALE_NODE_GIVE_UP_AFTER", Kind::duration, "90s", "0s..24h", "b3scaled",
             "A node that could not be reached for this long is given up: its meetings may be "
             "created again elsewhere. Slow nodes are never given up. 0 means never."},
    Variable{"B3SCALE_NODE_GIVE_UP_FAILURES", Kind::integer, "5", "1..1000", "b3scaled",
             "A node is given up only after at least so many refreshes in a row could not reach "
             "it."},
    Variable{"B3SCALE_RESERVATION_TIMEOUT", Kind::duration, "60s", "2s..1h", "b3scaled",
             "After this long a meeting that its node never confirmed is given up. Keep it above "
             "the two node timeouts together."},
    Variable{"B3SCALE_SHUTDOWN_TIMEOUT", Kind::duration, "20s", "0s..10m", "b3scaled",
             "How long running requests may take to finish when the daemon is asked to stop."},
    Variable{"B3SCALE_CA_FILE", Kind::path, "", "", "b3scaled, b3scaleagent, b3scalenoded",
             "PEM file with the certificate authorities trusted for nodes, in place of the "
             "system's."},
    Variable{"B3SCALE_API_URL", Kind::url, "", "", "b3scalectl, b3scaleagent",
             "Where the balancer's REST API is, for example https://b3scale.example.org."},
    Variable{"B3SCALE_API_ACCESS_TOKEN", Kind::secret, "", "", "b3scalectl, b3scaleagent",
             "The bearer token for the REST API."},
    Variable{"B3SCALE_LOAD_FACTOR", Kind::number, "1.0", "0.001..1000",
             "b3scaleagent, b3scalenoded",
             "The penalty an agent registers its node with: 2.0 counts every attendee twice."},
    Variable{"BBB_CONFIG", Kind::path, "/etc/bigbluebutton/bbb-web.properties", "",
             "b3scaleagent, b3scalenoded",
             "The node's own BigBlueButton properties, which go before the defaults."},
    Variable{"B3SCALE_BBB_CONFIG_DEFAULT", Kind::path,
             "/usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties", "",
             "b3scaleagent, b3scalenoded",
             "The properties BigBlueButton was installed with: an agent reads the node's URL and "
             "secret from both files."},
    Variable{"B3SCALE_REDIS_URL", Kind::text, "redis://127.0.0.1:6379", "",
             "b3scaleagent, b3scalenoded",
             "The redis server of the node, to which BigBlueButton tells who comes and goes: "
             "redis://[:PASSWORD@]HOST:PORT."},
};

}  // namespace

std::span<const Variable> variables() {
  return table;
}

}  // namespace b3::config
