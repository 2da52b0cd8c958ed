#include "rules/pattern_set.h"

#include "rules/glob.h"

namespace sallyport::rules {

void PatternSet::Add(Pattern pattern, uint32_t id) {
  const Entry entry = {.id = id, .port = pattern.port, .specificity = pattern.Specificity()};
  if (pattern.port != 0) ports_.insert(pattern.port);
  switch (pattern.kind) {
    case Pattern::Kind::kExact:
      exact_[pattern.text].push_back(entry);
      return;
    case Pattern::Kind::kRange:
      ranges_.Add(pattern.range, static_cast<uint32_t>(range_entries_.size()));
      range_entries_.push_back(entry);
      return;
    case Pattern::Kind::kSuffix:
      nodes_[NodeFor(pattern.text)].suffixes.push_back(entry);
      return;
    case Pattern::Kind::kGlob: {
      // The labels after the last star are found in the trie, the rest is matched there.
      const std::string_view text = pattern.text;
      const size_t dot = text.find('.', text.rfind('*'));
      const uint32_t node = dot == text.npos ? 0 : NodeFor(text.substr(dot + 1));
      nodes_[node].globs.push_back({.head = std::string(text.substr(0, dot)), .entry = entry});
      return;
    }
    case Pattern::Kind::kRegex:
      regexes_.push_back({.regex = std::move(pattern.regex), .entry = entry});
      return;
    case Pattern::Kind::kAny:
      any_[pattern.port].push_back(entry);
      return;
  }
}

bool PatternSet::MatchesAny(const Authority& authority) const {
  bool found = false;
  ForEachBestMatch(authority, [&found](const Entry&) { found = true; });
  return found;
}

uint32_t PatternSet::NodeFor(std::string_view name) {
  uint32_t node = 0;
  while (true) {
    const size_t dot = name.rfind('.');
    const auto next = static_cast<uint32_t>(nodes_.size());
    const auto [it, added] =
        nodes_[node].children.try_emplace(std::string(name.substr(dot + 1)), next);
    node = it->second;
    if (added) nodes_.emplace_back();
    if (dot == name.npos) return node;
    name = name.substr(0, dot);
  }
}

const PatternSet::Node* PatternSet::Child(const Node& node, std::string_view label) const {
  const auto it = node.children.find(absl::string_view(label.data(), label.size()));
  return it == node.children.end() ? nullptr : &nodes_[it->second];
}

bool PatternSet::GlobMatches(const Glob& glob, std::string_view head) {
  return MatchGlob(glob.head, head, '.');
}

}  // namespace sallyport::rules
