#include "supervisor/isolation_message.h"

#include <optional>
#include <string>
#include <utility>

#include "base/status.h"

namespace sallyport::supervisor {

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
  ForkMessage message{ForkMessage::Kind::kIsolated, {own_process_ids ? "1" : "0"}};
  std::vector<int> descriptors;
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
  const std::optional<int> own_process_ids = FieldNumber(message, 0);
  if (message.kind != ForkMessage::Kind::kIsolated || !own_process_ids.has_value()) {
    return absl::InternalError("the forker answered out of turn");
  }
  IsolationResult result;
  result.own_process_ids = *own_process_ids == 1;
  ASSIGN_OR_RETURN(std::vector<UniqueFd> descriptors,
                   channel->ReceiveDescriptors(message.fields.size() - 1));
  for (size_t i = 0; i < descriptors.size(); ++i) {
    const int role = FieldNumber(message, i + 1).value_or(0);
    result.sockets.push_back(
        {static_cast<proxy::InheritedSocket::Role>(role), std::move(descriptors[i])});
  }
  return result;
}

}  // namespace sallyport::supervisor
