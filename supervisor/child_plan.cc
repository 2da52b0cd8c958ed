#include "supervisor/child_plan.h"

#include <fmt/core.h>

#include <optional>
#include <string_view>

namespace sallyport::supervisor {
namespace {

void AppendList(const std::vector<std::string>& list, ForkMessage* message) {
  message->fields.push_back(std::to_string(list.size()));
  message->fields.insert(message->fields.end(), list.begin(), list.end());
}

// Takes the list that starts at `*index` and moves `*index` behind it.
bool TakeList(const ForkMessage& message, size_t* index, std::vector<std::string>* list) {
  const std::optional<int> size = FieldNumber(message, (*index)++);
  if (!size.has_value() || *size < 0) return false;
  if (static_cast<size_t>(*size) > message.fields.size() - *index) return false;
  const auto begin = message.fields.begin() + static_cast<ptrdiff_t>(*index);
  list->assign(begin, begin + *size);
  *index += static_cast<size_t>(*size);
  return true;
}

}  // namespace

ForkMessage ChildPlan::ToMessage() const {
  ForkMessage message{ForkMessage::Kind::kSpawn, {workdir, std::to_string(process_group)}};
  AppendList(argv, &message);
  AppendList(candidates, &message);
  AppendList(environment, &message);
  if (confinement.has_value()) confinement->AppendTo(&message);
  return message;
}

absl::StatusOr<ChildPlan> ChildPlan::FromMessage(const ForkMessage& message) {
  const std::optional<int> group = FieldNumber(message, 1);
  if (message.kind != ForkMessage::Kind::kSpawn || !group.has_value()) {
    return absl::InternalError("the message is no plan");
  }
  ChildPlan plan;
  plan.workdir = message.fields[0];
  plan.process_group = *group;
  size_t index = 2;
  if (!TakeList(message, &index, &plan.argv) || !TakeList(message, &index, &plan.candidates) ||
      !TakeList(message, &index, &plan.environment) || plan.argv.empty()) {
    return absl::InternalError("the plan is incomplete");
  }
  if (index < message.fields.size() &&
      !Confinement::Take(message, &index, &plan.confinement.emplace())) {
    return absl::InternalError("the plan's confinement is incomplete");
  }
  return plan;
}

std::vector<std::string> ExecutableCandidates(const std::string& command, const std::string& path) {
  if (command.find('/') != command.npos) return {command};
  std::vector<std::string> candidates;
  if (command.empty()) return candidates;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const std::string_view folder = std::string_view(path).substr(start, end - start);
    candidates.push_back(fmt::format("{}/{}", folder.empty() ? "." : folder, command));
    start = end + 1;
  }
  return candidates;
}

}  // namespace sallyport::supervisor
