#include "rules/rule_set.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "rules/guarded_address.h"
#include "rules/rule_set_tables.h"

namespace sallyport::rules {
namespace {

// Where no public service lives: "this network", private, shared (carrier NAT), loopback,
// link-local, protocol assignments, benchmarking, multicast, reserved; then their IPv6 kin.
constexpr std::array<std::string_view, 16> kDefaultBlocked = {
    "0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10", "127.0.0.0/8",
    "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",  "192.168.0.0/16",
    "198.18.0.0/15",  "224.0.0.0/4",   "240.0.0.0/4",   "::/128",
    "::1/128",        "fc00::/7",      "fe80::/10",     "ff00::/8"};

// How narrow a match is, from the tiers of Pattern::Specificity.
bool IsExactHost(uint64_t specificity) { return specificity >> 32 >= 5; }
bool IsExactHostAndPort(uint64_t specificity) { return specificity >> 32 == 7; }

}  // namespace

void RuleSet::Tables::AddDefaultBlockedRanges() {
  for (const std::string_view text : kDefaultBlocked) {
    blocked_ranges.Add(*Cidr::Parse(text), fmt::format("default blockedCIDRs ({})", text));
  }
}

RuleSet::RuleSet() : tables_(std::make_unique<Tables>()) { tables_->AddDefaultBlockedRanges(); }

RuleSet::~RuleSet() = default;

HostDecision RuleSet::DecideHost(const Authority& authority) const {
  const Tables::ListEntry* best = nullptr;
  uint64_t best_rank = 0;
  tables_->lists.ForEachBestMatch(authority, [&](const PatternSet::Entry& entry) {
    const Tables::ListEntry& candidate = tables_->list_entries[entry.id];
    // At equal specificity, blocked wins.
    const uint64_t rank = entry.specificity * 2 + (candidate.blocked ? 1 : 0);
    if (best != nullptr && rank <= best_rank) return;
    best = &candidate;
    best_rank = rank;
  });

  HostDecision decision;
  if (best == nullptr) {
    decision.allowed = tables_->default_allow;
    decision.by = "policy.default";
  } else {
    decision.allowed = !best->blocked;
    decision.by = best->label;
    decision.exact_host = decision.allowed && IsExactHost(best_rank / 2);
    decision.exact_host_and_port = decision.allowed && IsExactHostAndPort(best_rank / 2);
  }
  if (decision.allowed && !decision.exact_host_and_port && IsMetadataName(authority.host.name)) {
    return HostDecision{.by = "metadata host"};
  }
  if (decision.allowed) decision.intercept = Intercepts(authority);
  return decision;
}

bool RuleSet::Intercepts(const Authority& authority) const {
  return (tables_->intercept_all || tables_->rule_domains.MatchesAny(authority)) &&
         !Bypasses(authority);
}

bool RuleSet::Bypasses(const Authority& authority) const {
  if (tables_->bypass.MatchesAny(authority)) return true;
  const std::optional<IpAddress>& address = authority.host.address;
  return address.has_value() && tables_->bypass_ranges.FindNarrowest(*address).has_value();
}

AddressDecision RuleSet::JudgeAddress(const IpAddress& address, const HostDecision& host) const {
  const IpAddress judged = JudgedAddress(address);
  const AddressClass kind = Classify(judged);
  const LabelledRanges& allowed = tables_->allowed_ranges;
  if (const std::optional<uint32_t> found = allowed.table.FindNarrowest(judged)) {
    // A wide range lets metadata through as little as a wildcard does.
    if (kind != AddressClass::kMetadata || allowed.ranges[*found].IsSingleAddress()) {
      return {.allowed = true, .by = allowed.labels[*found]};
    }
  }
  if (kind == AddressClass::kMetadata) {
    if (host.exact_host_and_port) return {.allowed = true, .by = host.by};
    return {.allowed = false, .by = "metadata address"};
  }
  const LabelledRanges& blocked = tables_->blocked_ranges;
  std::optional<uint32_t> found = blocked.table.FindNarrowest(judged);
  // A range may also name the carrying address itself, such as 64:ff9b::/96.
  if (!found.has_value()) found = blocked.table.FindNarrowest(address);
  if (!found.has_value() && kind == AddressClass::kLoopback) {
    // 0.0.0.0 and :: reach what listens on the loopback addresses.
    found = blocked.table.FindNarrowest(LoopbackOf(judged));
  }
  if (!found.has_value()) return {.allowed = true, .by = "default"};
  const bool guarded = kind != AddressClass::kOrdinary;
  if (guarded ? host.exact_host_and_port : host.exact_host) return {.allowed = true, .by = host.by};
  return {
      .allowed = false, .by = blocked.labels[*found], .by_default = tables_->blocked_by_default};
}

void RuleSet::FindRules(const Authority& authority, RuleIndexes* indexes) const {
  indexes->clear();
  tables_->rule_domains.ForEachMatch(authority, [indexes](const PatternSet::Entry& entry) {
    indexes->push_back(static_cast<uint16_t>(entry.id));
  });
  // A rule with several domains may have matched more than once.
  std::sort(indexes->begin(), indexes->end());
  indexes->erase(std::unique(indexes->begin(), indexes->end()), indexes->end());
}

std::set<uint16_t> RuleSet::NamedPorts() const {
  std::set<uint16_t> ports = tables_->lists.ports();
  const std::set<uint16_t>& of_rules = tables_->rule_domains.ports();
  ports.insert(of_rules.begin(), of_rules.end());
  return ports;
}

}  // namespace sallyport::rules
