#include "supervisor/io/control_socket.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "common/base/text.hpp"
#include "supervisor/io/control_request.hpp"
#include "supervisor/io/pool_api.hpp"

namespace scpool::supervisor {
namespace {

HttpServerSettings server_settings() {
  HttpServerSettings settings;
  settings.server_name = "sc-pool";
  settings.max_connections = 256;
  return settings;
}

bool is_member(unsigned uid, unsigned gid, unsigned wanted) {
  if (gid == wanted) {
    return true;
  }
  const passwd* user = getpwuid(uid);
  if (user == nullptr) {
    return false;
  }
  int count = 256;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (getgrouplist(user->pw_name, gid, groups.data(), &count) < 0) {
    return false;
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::find(groups.begin(), groups.end(), wanted) != groups.end();
}

std::optional<std::string> rest_of(const std::string& path, std::string_view prefix) {
  return path.starts_with(prefix) ? std::optional(path.substr(prefix.size())) : std::nullopt;
}

}  // namespace

ControlSocket::ControlSocket(EventLoop& loop, PoolFront& front)
    : front_(front),
      server_(loop,
              server_settings(),
              [this](const HttpRequest& request, HttpReply reply) {
                answer(request, std::move(reply));
              }),
      events_(loop) {}

Result<std::unique_ptr<ControlSocket>> ControlSocket::listen(EventLoop& loop,
                                                             const std::string& path,
                                                             const std::string& group,
                                                             PoolFront& front) {
  auto socket = std::make_unique<ControlSocket>(loop, front);
  if (auto found = socket->find_group(group); !found) {
    return found.error();
  }
  if (auto bound = socket->server_.listen_unix(path, group.empty() ? 0600U : 0660U); !bound) {
    return bound.error();
  }
  if (socket->group_.has_value() &&
      chown(path.c_str(), static_cast<uid_t>(-1), *socket->group_) != 0) {
    return Error::from_errno(errno, "control.group: " + path);
  }
  return socket;
}

Result<std::unique_ptr<ControlSocket>> ControlSocket::adopt(EventLoop& loop,
                                                            OpenDescriptor listening,
                                                            const std::string& group,
                                                            PoolFront& front) {
  auto socket = std::make_unique<ControlSocket>(loop, front);
  if (auto found = socket->find_group(group); !found) {
    return found.error();
  }
  if (auto bound = socket->server_.listen_on(std::move(listening), nullptr); !bound) {
    return bound.error();
  }
  return socket;
}

Result<void> ControlSocket::find_group(const std::string& name) {
  if (name.empty()) {
    return {};
  }
  const ::group* found = getgrnam(name.c_str());
  if (found == nullptr) {
    return Error(ErrorKind::Invalid, "control.group: there is no group '" + name + "'");
  }
  group_ = found->gr_gid;
  return {};
}

void ControlSocket::pause() {
  events_.end_all();
  server_.pause();
}

bool ControlSocket::is_allowed(const std::optional<PeerCredentials>& peer) const {
  if (!peer.has_value()) {
    return false;
  }
  return peer->uid == 0 || peer->uid == getuid() ||
         (group_.has_value() && is_member(peer->uid, peer->gid, *group_));
}

void ControlSocket::answer(const HttpRequest& request, HttpReply reply) {
  if (!is_allowed(request.credentials)) {
    reply.send(json_error(403, "this pool takes commands from root and its own user only"));
    return;
  }
  const std::string& method = request.head.method;
  if (method == "POST") {
    reply.send(perform(request));
    return;
  }
  if (method != "GET" && method != "HEAD") {
    HttpResponse response = json_error(405, "questions are GET, commands are POST");
    response.fields.set("Allow", "GET, HEAD, POST");
    reply.send(response);
    return;
  }
  if (request.path == "/v1/events") {
    events_.answer(front_, request, std::move(reply));
    return;
  }
  auto found = answer_question(request);
  reply.send(found ? std::move(*found) : json_error(404, "no such path: " + request.path));
}

std::optional<HttpResponse> ControlSocket::answer_question(const HttpRequest& request) const {
  if (request.path == "/v1/status") {
    return json_response(200, status_json(front_.report(), Audience::Owner));
  }
  if (request.path == "/v1/upgrade") {
    return json_response(200, upgrade_report_json(front_.upgrade_report()));
  }
  if (const auto slot_text = rest_of(request.path, "/v1/explain/")) {
    const auto slot = parse_number(*slot_text);
    const std::string text =
        slot && *slot <= UINT32_MAX ? front_.explain({static_cast<std::uint32_t>(*slot)}) : "";
    return text.empty() ? json_error(404, "there is no slot " + *slot_text)
                        : text_response(200, text);
  }
  return answer_read_only(front_, request, Audience::Owner);
}

HttpResponse ControlSocket::perform(const HttpRequest& request) {
  if (const auto what = rest_of(request.path, "/v1/plan/")) {
    return plan(*what, request.body);
  }
  auto parsed = parse_control_request(request.path, request.body, front_.now());
  if (!parsed) {
    return json_error(parsed.error().kind() == ErrorKind::NotFound ? 404 : 400,
                      parsed.error().sentence());
  }
  ControlRequest& wanted = parsed.value();
  if (wanted.reload) {
    const auto done = front_.reload();
    return done ? json_response(200, message_json(done.value()))
                : json_error(422, done.error().sentence());
  }
  if (wanted.upgrade.has_value()) {
    return upgrade(*wanted.upgrade, *request.credentials);
  }
  for (const SlotIndex slot : wanted.slots) {
    if (front_.explain(slot).empty()) {
      return json_error(404, "there is no slot " + std::to_string(slot.value));
    }
  }
  if (wanted.stop.has_value()) {
    front_.go_down(*wanted.stop, wanted.limit);
  } else {
    front_.command(std::move(wanted.event));
  }
  return json_response(202, message_json(wanted.done));
}

HttpResponse ControlSocket::plan(const std::string& what, const std::string& body) {
  const auto wish = parse_plan_wish(what, body, front_.now());
  if (!wish) {
    return json_error(wish.error().kind() == ErrorKind::NotFound ? 404 : 400,
                      wish.error().sentence());
  }
  const auto plan = front_.plan(wish.value());
  return plan ? json_response(200, plan.value()) : json_error(422, plan.error().sentence());
}

// A member of the group may have the installed program taken up, but not name one of their own: it
// would run as us.
HttpResponse ControlSocket::upgrade(const UpgradeOrder& order, const PeerCredentials& peer) {
  if (!order.program.empty() && peer.uid != 0 && peer.uid != getuid()) {
    return json_error(403, "only root and the pool's own user may name another program");
  }
  const auto begun = front_.upgrade(order);
  return begun ? json_response(202, message_json(front_.upgrade_report().sentence()))
               : json_error(409, begun.error().sentence());
}

}  // namespace scpool::supervisor
