#include "api/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "api/resources.h"
#include "base/encoding.h"

namespace b3::api {
namespace {

constexpr Field limit{"limit", "integer"};
constexpr Field offset{"offset", "integer"};
constexpr std::array force_parameters{Field{"force", "boolean", "Its meetings go with it."}};
constexpr std::array frontend_parameters{Field{"key", "text"}, Field{"account_ref", "text"},
                                         Field{"active", "boolean"}, limit, offset};
constexpr std::array backend_parameters{Field{"host", "text"},
                                        Field{"host__prefix", "text"},
                                        Field{"host__iprefix", "text"},
                                        Field{"admin_state", "text"},
                                        Field{"node_state", "text"},
                                        Field{"tag", "text"},
                                        limit,
                                        offset};
constexpr std::array meeting_parameters{Field{"backend_id", "text"},
                                        Field{"backend_host", "text"},
                                        Field{"frontend_id", "text"},
                                        Field{"frontend_key", "text"},
                                        Field{"running", "boolean"},
                                        limit,
                                        offset};
constexpr std::array placement_parameters{Field{"frontend", "text", "Its key.", "", true},
                                          Field{"expected_size", "integer"}};
constexpr std::array command_parameters{
    Field{"state", "text", "", "requested|running|success|error"}, Field{"backend_id", "text"},
    limit, offset};
constexpr std::array audit_parameters{Field{"subject", "text"},
                                      Field{"kind", "text"},
                                      Field{"object_id", "text"},
                                      Field{"action", "text"},
                                      Field{"since", "time"},
                                      limit,
                                      offset};
constexpr std::array token_parameters{limit, offset};
constexpr std::array revoke_parameters{
    Field{"expires_at", "time", "When the token ends, where it is known."}};
constexpr std::array recording_parameters{Field{"meeting_id", "text"}, Field{"frontend_id", "text"},
                                          Field{"frontend_key", "text"}, limit, offset};

constexpr std::array all_routes{
    Route{"GET",
          "/api",
          Access::anyone,
          show_status,
          "showApi",
          "Status of this instance.",
          {},
          "",
          200,
          "Status"},
    Route{"GET",
          "/api/v1",
          Access::anyone,
          show_status,
          "showVersion",
          "Status of this instance.",
          {},
          "",
          200,
          "Status"},
    Route{"GET",
          "/api/v1/status",
          Access::anyone,
          show_status,
          "showStatus",
          "Status of this instance and who you are to it.",
          {},
          "",
          200,
          "Status"},
    Route{"GET",
          "/api/v1/openapi.json",
          Access::open,
          show_openapi,
          "showOpenapi",
          "This document; needs no token.",
          {},
          "",
          200,
          "object"},
    Route{"POST",
          "/api/v1/ctrl/migrate",
          Access::admin,
          migrate,
          "migrate",
          "Brings the schema up to date.",
          {},
          "",
          200,
          "Migration"},
    Route{"GET", "/api/v1/frontends", Access::reader, list_frontends, "listFrontends",
          "Frontends, by key.", frontend_parameters, "", 200, "[Frontend]"},
    Route{"POST",
          "/api/v1/frontends",
          Access::admin,
          create_frontend,
          "createFrontend",
          "A new frontend.",
          {},
          "NewFrontend",
          201,
          "Frontend"},
    Route{"GET",
          "/api/v1/frontends/{}",
          Access::reader,
          show_frontend,
          "showFrontend",
          "One frontend.",
          {},
          "",
          200,
          "Frontend"},
    Route{"PATCH",
          "/api/v1/frontends/{}",
          Access::admin,
          change_frontend,
          "changeFrontend",
          "Changes the fields it names.",
          {},
          "FrontendInput",
          200,
          "Frontend"},
    Route{"DELETE", "/api/v1/frontends/{}", Access::admin, delete_frontend, "deleteFrontend",
          "Removes it.", force_parameters, "", 200, "Frontend"},
    Route{"GET", "/api/v1/backends", Access::admin, list_backends, "listBackends",
          "Backends, by host.", backend_parameters, "", 200, "[Backend]"},
    Route{"POST",
          "/api/v1/backends",
          Access::node,
          create_backend,
          "createBackend",
          "A new backend; or a node registers itself.",
          {},
          "NewBackend",
          201,
          "Backend"},
    Route{"GET",
          "/api/v1/backends/{}",
          Access::admin,
          show_backend,
          "showBackend",
          "One backend.",
          {},
          "",
          200,
          "Backend"},
    Route{"PATCH",
          "/api/v1/backends/{}",
          Access::node,
          change_backend,
          "changeBackend",
          "Changes the fields it names; a node may change host, secret and load factor of its own.",
          {},
          "BackendInput",
          200,
          "Backend"},
    Route{"DELETE", "/api/v1/backends/{}", Access::admin, delete_backend, "deleteBackend",
          "Removes it, or decommissions it while it has meetings (202).", force_parameters, "", 200,
          "Backend"},
    Route{"GET",
          "/api/v1/agent/backend",
          Access::node,
          show_own_backend,
          "showOwnBackend",
          "The backend of this node token.",
          {},
          "",
          200,
          "Backend"},
    Route{"POST",
          "/api/v1/agent/heartbeat",
          Access::node,
          take_heartbeat,
          "heartbeat",
          "The agent is there; the body is optional.",
          {},
          "HeartbeatInput",
          200,
          "Heartbeat"},
    Route{"POST",
          "/api/v1/agent/rpc",
          Access::node,
          take_rpc,
          "rpc",
          "What happened on the node.",
          {},
          "RpcInput",
          200,
          "RpcAnswer"},
    Route{"GET", "/api/v1/meetings", Access::reader, list_meetings, "listMeetings",
          "Meetings, by id.", meeting_parameters, "", 200, "[Meeting]"},
    Route{"GET",
          "/api/v1/meetings/{}",
          Access::reader,
          show_meeting,
          "showMeeting",
          "One meeting, by scoped or internal id.",
          {},
          "",
          200,
          "Meeting"},
    Route{"DELETE",
          "/api/v1/meetings/{}",
          Access::admin,
          delete_meeting,
          "deleteMeeting",
          "Forgets it; its node is told to end it.",
          {},
          "",
          200,
          "Meeting"},
    Route{"GET",
          "/api/v1/meetings/{}/placement",
          Access::admin,
          show_meeting_placement,
          "showMeetingPlacement",
          "Why it is where it is.",
          {},
          "",
          200,
          "object"},
    Route{"GET", "/api/v1/placement", Access::admin, try_placement, "tryPlacement",
          "Where the next meeting would go.", placement_parameters, "", 200, "object"},
    Route{"GET", "/api/v1/commands", Access::admin, list_commands, "listCommands",
          "Commands, newest first.", command_parameters, "", 200, "[Command]"},
    Route{"POST",
          "/api/v1/commands",
          Access::admin,
          request_command,
          "requestCommand",
          "Begins a command.",
          {},
          "CommandInput",
          202,
          "Command"},
    Route{"GET",
          "/api/v1/commands/{}",
          Access::admin,
          show_command,
          "showCommand",
          "One command.",
          {},
          "",
          200,
          "Command"},
    Route{"DELETE",
          "/api/v1/commands/{}",
          Access::admin,
          cancel_command,
          "cancelCommand",
          "Cancels a drain.",
          {},
          "",
          200,
          "Command"},
    Route{"GET", "/api/v1/audit", Access::admin, list_audit, "listAudit",
          "Who changed what, newest first.", audit_parameters, "", 200, "[AuditRecord]"},
    Route{"GET", "/api/v1/tokens", Access::admin, list_tokens, "listRevokedTokens",
          "The revoked tokens.", token_parameters, "", 200, "[RevokedToken]"},
    Route{"DELETE", "/api/v1/tokens/{}", Access::admin, revoke_token, "revokeToken",
          "The token with this jti counts no more.", revoke_parameters, "", 200, "RevokedToken"},
    Route{"GET", "/api/v1/recordings", Access::reader, list_recordings, "listRecordings",
          "Not configured: 501.", recording_parameters, "", 200, "[object]"},
    Route{"GET",
          "/api/v1/recordings/{}",
          Access::reader,
          show_recording,
          "showRecording",
          "Not configured: 501.",
          {},
          "",
          200,
          "object"},
    Route{"PATCH",
          "/api/v1/recordings/{}",
          Access::admin,
          change_recording,
          "changeRecording",
          "Not configured: 501.",
          {},
          "RecordingInput",
          200,
          "object"},
    Route{"POST",
          "/api/v1/recordings-import",
          Access::admin,
          import_recording,
          "importRecording",
          "Not configured: 501.",
          {},
          "xml",
          200,
          "object"},
};

std::vector<std::string_view> segments_of(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

// What the {} of the pattern took; nullopt when the path is another one.
std::optional<std::vector<std::string_view>> match(std::string_view pattern,
                                                   const std::vector<std::string_view>& path) {
  const auto wanted = segments_of(pattern);
  if (wanted.size() != path.size()) return {};
  std::vector<std::string_view> taken;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "{}" && !path[i].empty()) {
      taken.push_back(path[i]);
    } else if (wanted[i] != path[i]) {
      return {};
    }
  }
  return taken;
}

// In a path '+' stands for itself, unlike in a form.
std::optional<std::string> decode_segment(std::string_view segment) {
  std::string escaped;
  for (const char c : segment) {
    if (c == '+') {
      escaped += "%2B";
    } else {
      escaped += c;
    }
  }
  return form_decode(escaped);
}

}  // namespace

std::span<const Route> routes() {
  return all_routes;
}

std::expected<Match, Problem> find_route(std::span<const Route> table, std::string_view method,
                                         std::string_view path) {
  if (!path.starts_with('/')) return refuse_unknown("resource");
  const auto segments = segments_of(path);
  std::string allowed;
  for (const Route& route : table) {
    const auto taken = match(route.pattern, segments);
    if (!taken) continue;
    if (route.method != method) {
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.method);
      continue;
    }
    Match found{.route = &route, .arguments = {}};
    for (const auto segment : *taken) {
      auto decoded = decode_segment(segment);
      if (!decoded) return refuse(400, "bad_request", "the path has a malformed escape");
      // Nothing is called so, and nobody could be told so in JSON.
      if (!is_valid_utf8(*decoded)) return refuse_unknown("resource");
      found.arguments.push_back(std::move(*decoded));
    }
    return found;
  }
  if (allowed.empty()) return refuse_unknown("resource");
  return std::unexpected(Problem{.status = 405,
                                 .error = "method_not_allowed",
                                 .message = fmt::format("this resource understands {}", allowed),
                                 .headers = {{"Allow", allowed}}});
}

}  // namespace b3::api
