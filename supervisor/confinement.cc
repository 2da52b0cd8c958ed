#include "supervisor/confinement.h"

#include <string_view>
#include <utility>

namespace sallyport::supervisor {
namespace {

// Stands for a number that is not set.
constexpr int kNone = -1;

std::optional<int> TakeNumber(const ForkMessage& message, size_t* index) {
  return FieldNumber(message, (*index)++);
}

bool TakeText(const ForkMessage& message, size_t* index, std::string* text) {
  if (*index >= message.fields.size()) return false;
  *text = message.fields[(*index)++];
  return true;
}

// Takes a count and so many of what `take` takes.
template <typename T, typename TakeOne>
bool TakeAll(const ForkMessage& message, size_t* index, std::vector<T>* list, TakeOne take) {
  const std::optional<int> count = TakeNumber(message, index);
  if (!count.has_value() || *count < 0) return false;
  for (int i = 0; i < *count; ++i) {
    if (!take(&list->emplace_back())) return false;
  }
  return true;
}

}  // namespace

void Confinement::AppendTo(ForkMessage* message) const {
  const auto text = [message](std::string_view value) { message->fields.emplace_back(value); };
  const auto number = [message](int64_t value) {
    message->fields.push_back(std::to_string(value));
  };
  number(static_cast<int64_t>(paths.size()));
  for (const PathRule& rule : paths) {
    text(rule.path);
    number(static_cast<int>(rule.access));
  }
  number(static_cast<int64_t>(covered.size()));
  for (const CoveredFile& file : covered) {
    text(file.target);
    text(file.source);
  }
  number(static_cast<int64_t>(shown.size()));
  for (const ShownFile& file : shown) {
    text(file.path);
    text(file.contents);
    number(file.mode);
  }
  for (const std::vector<std::string>* paths_of : {&kept, &hidden}) {
    number(static_cast<int64_t>(paths_of->size()));
    for (const std::string& path : *paths_of) text(path);
  }
  text(resolv_conf);
  number(become.has_value() ? static_cast<int>(become->user) : kNone);
  number(become.has_value() ? static_cast<int>(become->group) : kNone);
  number(landlock_best_effort ? 1 : 0);
  text(seccomp_program);
  number(only_connect_to.has_value() ? *only_connect_to : kNone);
}

bool Confinement::Take(const ForkMessage& message, size_t* index, Confinement* confinement) {
  const auto take_rule = [&](PathRule* rule) {
    if (!TakeText(message, index, &rule->path)) return false;
    const std::optional<int> access = TakeNumber(message, index);
    if (!access.has_value()) return false;
    rule->access = static_cast<PathAccess>(*access);
    return true;
  };
  const auto take_covered = [&](CoveredFile* file) {
    return TakeText(message, index, &file->target) && TakeText(message, index, &file->source);
  };
  const auto take_shown = [&](ShownFile* file) {
    if (!TakeText(message, index, &file->path) || !TakeText(message, index, &file->contents)) {
      return false;
    }
    const std::optional<int> mode = TakeNumber(message, index);
    if (!mode.has_value()) return false;
    file->mode = static_cast<mode_t>(*mode);
    return true;
  };
  const auto take_path = [&](std::string* path) { return TakeText(message, index, path); };
  if (!TakeAll(message, index, &confinement->paths, take_rule) ||
      !TakeAll(message, index, &confinement->covered, take_covered) ||
      !TakeAll(message, index, &confinement->shown, take_shown) ||
      !TakeAll(message, index, &confinement->kept, take_path) ||
      !TakeAll(message, index, &confinement->hidden, take_path) ||
      !TakeText(message, index, &confinement->resolv_conf)) {
    return false;
  }
  const std::optional<int> user = TakeNumber(message, index);
  const std::optional<int> group = TakeNumber(message, index);
  if (!user.has_value() || !group.has_value()) return false;
  if (*user != kNone) {
    confinement->become = {static_cast<uid_t>(*user), static_cast<gid_t>(*group)};
  }
  const std::optional<int> best_effort = TakeNumber(message, index);
  if (!best_effort.has_value()) return false;
  confinement->landlock_best_effort = *best_effort == 1;
  if (!TakeText(message, index, &confinement->seccomp_program)) return false;
  const std::optional<int> port = TakeNumber(message, index);
  if (!port.has_value()) return false;
  if (*port != kNone) confinement->only_connect_to = static_cast<uint16_t>(*port);
  return true;
}

}  // namespace sallyport::supervisor
