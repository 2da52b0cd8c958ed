#ifndef SALLYPORT_RULES_PATTERN_SET_H_
#define SALLYPORT_RULES_PATTERN_SET_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "rules/authority.h"
#include "rules/cidr.h"
#include "rules/pattern.h"

namespace sallyport::rules {

// Many patterns, searched at once. Exact hosts are in a hash table, wildcards in a trie of labels
// from the right, ranges in a CidrTable, so that the cost of a search depends on the host's labels
// and on what matches, not on how many patterns there are. Only regular expressions are tried one
// by one. Fill it, then share it: searching changes nothing and allocates nothing.
class PatternSet {
 public:
  PatternSet() : nodes_(1) {}

  // `id` is the caller's; several patterns may share one.
  void Add(Pattern pattern, uint32_t id);

  struct Entry {
    uint32_t id = 0;
    uint16_t port = 0;
    uint64_t specificity = 0;
  };

  // Calls `visit(entry)` for every pattern that matches.
  template <typename Visitor>
  void ForEachMatch(const Authority& authority, Visitor&& visit) const {
    VisitExact(authority, visit);
    VisitRanges(authority, visit);
    VisitWildcards(authority, visit);
    VisitRegexes(authority, visit);
    VisitAny(authority, visit);
  }

  // The same, but leaves out patterns less specific than some other match, as far as that saves
  // work: what is visited always holds the most specific match and its equals.
  template <typename Visitor>
  void ForEachBestMatch(const Authority& authority, Visitor&& visit) const {
    bool found = false;
    const auto noting = [&found, &visit](const Entry& entry) {
      found = true;
      visit(entry);
    };
    VisitExact(authority, noting);
    if (!found) VisitRanges(authority, noting);
    if (!found) VisitWildcards(authority, noting);
    if (!found) VisitRegexes(authority, noting);
    if (!found) VisitAny(authority, noting);
  }

  bool MatchesAny(const Authority& authority) const;

  // The ports that patterns name, ascending.
  const std::set<uint16_t>& ports() const { return ports_; }

 private:
  using Entries = absl::InlinedVector<Entry, 1>;
  struct Glob {
    // What stands before the labels of the trie node that holds it, up to the dot.
    std::string head;
    Entry entry;
  };
  // One label of a name read from the right. Node 0 is the root.
  struct Node {
    absl::flat_hash_map<std::string, uint32_t> children;
    Entries suffixes;
    std::vector<Glob> globs;
  };
  struct Regex {
    std::shared_ptr<const re2::RE2> regex;
    Entry entry;
  };

  uint32_t NodeFor(std::string_view name);
  const Node* Child(const Node& node, std::string_view label) const;
  static bool GlobMatches(const Glob& glob, std::string_view head);

  template <typename Visitor>
  static void VisitEntries(const Entries& entries, uint16_t port, Visitor& visit) {
    for (const Entry& entry : entries) {
      if (entry.port == 0 || entry.port == port) visit(entry);
    }
  }

  template <typename Visitor>
  void VisitExact(const Authority& authority, Visitor& visit) const {
    const std::string& name = authority.host.name;
    if (const auto it = exact_.find(name); it != exact_.end()) {
      VisitEntries(it->second, authority.port, visit);
    }
  }

  template <typename Visitor>
  void VisitRanges(const Authority& authority, Visitor& visit) const {
    if (!authority.host.address.has_value()) return;
    ranges_.ForEachMatch(*authority.host.address,
                         [this, &visit](uint32_t index, uint8_t) { visit(range_entries_[index]); });
  }

  template <typename Visitor>
  void VisitWildcards(const Authority& authority, Visitor& visit) const {
    if (authority.host.address.has_value()) return;
    std::string_view head = authority.host.name;
    for (const Node* node = &nodes_[0]; node != nullptr;) {
      // `head` is what is left of the name before this node's labels; a wildcard needs some.
      if (head.empty()) return;
      VisitEntries(node->suffixes, authority.port, visit);
      for (const Glob& glob : node->globs) {
        const bool port_fits = glob.entry.port == 0 || glob.entry.port == authority.port;
        if (port_fits && GlobMatches(glob, head)) visit(glob.entry);
      }
      const size_t dot = head.rfind('.');
      node = Child(*node, head.substr(dot + 1));
      head = dot == head.npos ? std::string_view() : head.substr(0, dot);
    }
  }

  template <typename Visitor>
  void VisitRegexes(const Authority& authority, Visitor& visit) const {
    for (const Regex& regex : regexes_) {
      if (RegexMatches(*regex.regex, authority)) visit(regex.entry);
    }
  }

  template <typename Visitor>
  void VisitAny(const Authority& authority, Visitor& visit) const {
    for (const uint16_t port : {authority.port, uint16_t{0}}) {
      const auto it = any_.find(port);
      if (it != any_.end()) VisitEntries(it->second, authority.port, visit);
    }
  }

  absl::flat_hash_map<std::string, Entries> exact_;
  std::vector<Node> nodes_;
  CidrTable ranges_;
  // What the ids in `ranges_` stand for.
  std::vector<Entry> range_entries_;
  std::vector<Regex> regexes_;
  // By port, 0 for any.
  absl::flat_hash_map<uint16_t, Entries> any_;
  std::set<uint16_t> ports_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PATTERN_SET_H_
