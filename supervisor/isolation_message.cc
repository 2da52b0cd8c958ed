#include "supervisor/isolation_message.h"

#include <optional>
#include <string>
#include <utility>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

// Before those of the sockets.
constexpr size_t kFixedFields = 4;

}  // namespace

ForkMessage IsolationRequest::ToMessage() const {
  ForkMessage message{ForkMessage::Kind::kIsolate, {std::to_string(process_group)}};
  for (uint16_t port : captured_ports) message.fields.push_back(std::to_string(port));
  return message;
}

absl::StatusOr<IsolationRequest> IsolationRequest::FromMessage(const ForkMessage& message) {
  IsolationRequest request;
  const std::optional<int> group = FieldNumber(message, 0);
  if (!group.has_value()) return absl::InternalError("the message asks for no isolation");
  request.process_group = *group;
  for (size_t i = 1; i < message.fields.size(); ++i) {
    const std::optional<int> port = FieldNumber(message, i);
    if (!port.has_value()) return absl::InternalError("a captured port is no number");
    request.captured_ports.push_back(static_cast<uint16_t>(*port));
  }
  return request;
}

absl::Status IsolationResult::Send(Channel* channel) const {
  ForkMessage message{ForkMessage::Kind::kIsolated,
                      {own_process_ids ? "1" : "0", std::to_string(first_process),
                       socket_table ? "1" : "0", processes ? "1" : "0"}};
  std::vector<int> descriptors;
  for (const UniqueFd* fd : {&socket_table, &processes}) {
    if (*fd) descriptors.push_back(fd->get());
  }
  for (const proxy::InheritedSocket& socket : sockets) {
    message.fields.push_back(std::to_string(static_cast<int>(socket.role)));
    descriptors.push_back(socket.fd.get());
  }
  RETURN_IF_ERROR(channel->Send(message));
  return channel->SendDescriptors(descriptors);
}

absl::StatusOr<IsolationResult> IsolationResult::Receive(Channel* channel) {
  ASSIGN_OR_RETURN(const ForkMessage message, channel->Receive());
  if (message.kind == ForkMessage::Kind::kIsolateFailed && !message.fields.empty()) {
    return absl::UnavailableError(message.fields[0]);
  }
  if (message.kind != ForkMessage::Kind::kIsolated || message.fields.size() < kFixedFields) {
    return absl::InternalError("the forker answered out of turn");
  }
  const auto number = [&message](size_t i) { return FieldNumber(message, i).value_or(0); };
  IsolationResult result;
  result.own_process_ids = number(0) == 1;
  result.first_process = number(1);
  const size_t sockets = message.fields.size() - kFixedFields;
  ASSIGN_OR_RETURN(std::vector<UniqueFd> descriptors,
                   channel->ReceiveDescriptors(sockets + (number(2) == 1) + (number(3) == 1)));
  auto next = descriptors.begin();
  if (number(2) == 1) result.socket_table = std::move(*next++);
  if (number(3) == 1) result.processes = std::move(*next++);
  for (size_t i = 0; i < sockets; ++i) {
    const auto role = static_cast<proxy::InheritedSocket::Role>(number(kFixedFields + i));
    result.sockets.push_back({role, std::move(*next++)});
  }
  return result;
}

}  // namespace sallyport::supervisor
