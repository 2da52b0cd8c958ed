#ifndef SALLYPORT_RULES_RULE_SET_TABLES_H_
#define SALLYPORT_RULES_RULE_SET_TABLES_H_

#include <string>
#include <vector>

#include "rules/cidr.h"
#include "rules/pattern_set.h"
#include "rules/rule_set.h"

namespace sallyport::rules {

// A list of address ranges, each with the place in the file it came from.
struct LabelledRanges {
  // Ids index the two vectors.
  CidrTable table;
  std::vector<Cidr> ranges;
  std::vector<std::string> labels;

  void Add(const Cidr& range, std::string label) {
    table.Add(range, static_cast<uint32_t>(labels.size()));
    ranges.push_back(range);
    labels.push_back(std::move(label));
  }
};

// What RuleSet looks things up in; ConfigReader fills it.
struct RuleSet::Tables {
  // One entry of allowedDomains or blockedDomains.
  struct ListEntry {
    bool blocked = false;
    std::string label;
  };

  bool default_allow = true;
  bool intercept_all = false;

  // Both lists together; ids index `list_entries`.
  PatternSet lists;
  std::vector<ListEntry> list_entries;

  LabelledRanges allowed_ranges;
  LabelledRanges blocked_ranges;
  // `blocked_ranges` are not the file's own.
  bool blocked_by_default = true;

  PatternSet bypass;
  CidrTable bypass_ranges;

  // The domains of the credential rules; ids are indexes into RuleSet::rules().
  PatternSet rule_domains;

  // Fills `blocked_ranges` with what holds when the file has no blockedCIDRs.
  void AddDefaultBlockedRanges();
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_RULE_SET_TABLES_H_
