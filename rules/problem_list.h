#ifndef SALLYPORT_RULES_PROBLEM_LIST_H_
#define SALLYPORT_RULES_PROBLEM_LIST_H_

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/json.h"
#include "rules/json_document.h"
#include "rules/proxy_config.h"

namespace sallyport::rules {

// Collects problems found in any order and gives them in the order of the file.
class ProblemList {
 public:
  // `at` is the value concerned and `path` where it stands ("credentials[1].format").
  void Add(const JsonValue& at, std::string path, std::string message) {
    problems_.emplace_back(at.order, Problem{.path = std::move(path),
                                             .message = std::move(message),
                                             .line = at.line,
                                             .column = at.column});
  }

  // For what is wrong with the key rather than its value.
  void AddAtKey(const JsonValue::Member& at, std::string path, std::string message) {
    problems_.emplace_back(at.value.order, Problem{.path = std::move(path),
                                                   .message = std::move(message),
                                                   .line = at.line,
                                                   .column = at.column});
  }

  bool empty() const { return problems_.empty(); }

  std::vector<Problem> Take() {
    std::stable_sort(problems_.begin(), problems_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Problem> sorted;
    sorted.reserve(problems_.size());
    for (auto& [order, problem] : problems_) sorted.push_back(std::move(problem));
    problems_.clear();
    return sorted;
  }

 private:
  std::vector<std::pair<uint32_t, Problem>> problems_;
};

// The path of a member: "network.intercept"; keys that are no plain words are quoted.
inline std::string MemberPath(std::string_view object, std::string_view key) {
  const bool plain =
      !key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '$';
      });
  std::string path(object);
  if (plain) {
    if (!path.empty()) path.push_back('.');
    path.append(key);
    return path;
  }
  path.push_back('[');
  AppendJsonString(&path, key.substr(0, 64));
  path.push_back(']');
  return path;
}

inline std::string ItemPath(std::string_view list, size_t index) {
  return fmt::format("{}[{}]", list, index);
}

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PROBLEM_LIST_H_
