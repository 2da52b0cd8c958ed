#ifndef SALLYPORT_RULES_NETWORK_POLICY_H_
#define SALLYPORT_RULES_NETWORK_POLICY_H_

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/ip_address.h"
#include "rules/authority.h"
#include "rules/cidr.h"
#include "rules/pattern_set.h"
#include "rules/request_matcher.h"
#include "rules/rule_set.h"

namespace sallyport::rules {

// Indexes of endpoints, ascending. A host is rarely named by more than a few.
using EndpointIndexes = absl::InlinedVector<uint32_t, 4>;

// Methods that an endpoint lets through without naming paths.
enum class AccessPreset : uint8_t {
  kNone,
  kReadOnly,   // GET, HEAD, OPTIONS
  kReadWrite,  // and POST, PUT, PATCH
  kFull,
};

// One entry of network_policies: what its endpoints have in common.
struct PolicyEntry {
  // The key in the file, and what its `name` says, or the key again.
  std::string key;
  std::string name;
  // Executables that may use the endpoints: absolute paths, '*' within a segment, '**' across.
  // Empty: any process.
  std::vector<std::string> binaries;
  // "network_policies.github.binaries"
  std::string binaries_label;
};

// One endpoint of an entry, checked. Its hosts and ports are kept by the NetworkPolicy.
struct PolicyEndpoint {
  // "network_policies.github.endpoints[0]"
  std::string label;
  // Index into NetworkPolicy::entries().
  uint32_t entry = 0;
  // No wildcard in its host.
  bool exact_host = false;
  // Requests are judged one by one, so they must be readable.
  bool inspects = false;
  // tls: skip.
  bool skips_tls = false;
  // enforcement: audit: what the rules refuse is reported and passes.
  bool audits = false;
  bool allows_encoded_slash = false;
  AccessPreset access = AccessPreset::kNone;
  std::vector<RequestMatcher> allow;
  std::vector<RequestMatcher> deny;
  // Resolved addresses must be in one of these; empty: wherever else they may be.
  std::vector<Cidr> allowed_ips;
};

// Why a client may not use the endpoints that there are for a host.
enum class ClientRefusal : uint8_t {
  kNone,
  kUnknown,    // it is not known which program connects, and some endpoint asks
  kNotListed,  // each of them is for other programs
  kShared,     // some endpoint is for a part of the programs that share the connection
};

// What the policy says of a host and port, before any DNS query.
struct NetworkDecision {
  bool allowed = false;
  // Some endpoint is for the programs of a list, whoever the client is. And why that keeps it out.
  bool lists_binaries = false;
  ClientRefusal client = ClientRefusal::kNone;
  // Some endpoint judges requests: TLS has to be opened. And one of them would refuse some.
  bool inspects = false;
  bool enforces = false;
  // Every endpoint says tls: skip.
  bool skips_tls = false;
  // Some endpoint names the host without a wildcard.
  bool exact_host = false;
  // The first endpoint's label; where the client is kept out, that of the list; "network_policies"
  // when there is no endpoint. Lives as long as the policy.
  std::string_view by;
  // All that match.
  EndpointIndexes endpoints;

  // As new, but for the memory that the indexes have.
  void Clear() {
    allowed = lists_binaries = inspects = enforces = skips_tls = exact_host = false;
    client = ClientRefusal::kNone;
    by = {};
    endpoints.clear();
  }
};

enum class RequestRefusal : uint8_t {
  kNone,
  kNoRule,         // nothing allows it
  kDenyRule,       // a deny rule takes it away
  kEncodedSlash,   // %2F in the path
  kAmbiguousPath,  // a path in which some servers would see ".."
};

// What the policy says of one request to a host that it allows.
struct RequestDecision {
  bool allowed = false;
  // Why it is refused; with `allowed`, why it would be if the endpoint did more than audit.
  RequestRefusal refusal = RequestRefusal::kNone;
  // The label of the rule or endpoint that decided. Lives as long as the policy.
  std::string_view by;
  // The endpoints that let it pass: their allowed_ips hold.
  EndpointIndexes endpoints;
};

// network_policies of a policy.yaml, compiled for decisions whose cost does not grow with the
// number of endpoints. Immutable once it is filled, so shared between threads freely. Decisions
// allocate nothing while a host has at most four endpoints and paths hold no "%2F".
//
// Endpoints that name the same host and port add up: what any of them allows is allowed, and what a
// deny rule of any of them refuses is refused. Where one of them judges requests, those that do not
// allow none.
class NetworkPolicy {
 public:
  // Filled by the reader of the file. `patterns` are the endpoint's host with each of its ports.
  uint32_t AddEntry(PolicyEntry entry);
  void AddEndpoint(PolicyEndpoint endpoint, std::vector<Pattern> patterns);

  // What may be reached by anybody at all: every endpoint counts.
  NetworkDecision Decide(const Authority& authority) const;
  // What a client may reach. `binaries` are the executables of all processes that hold its
  // connection, each once; empty where they are not known. An endpoint with a list counts where the
  // list names them all, and the client is refused where it names a part.
  NetworkDecision DecideFor(const Authority& authority,
                            std::span<const std::string> binaries) const;

  // `host` is what Decide said. `path` is the request's, normalised (NormalizePath) and without its
  // query; `query` what follows '?', as sent.
  RequestDecision DecideRequest(const NetworkDecision& host, std::string_view method,
                                std::string_view path, std::string_view query) const;

  // Judges one resolved address for endpoints that let a request pass; `listed` is what the
  // RuleSet says of it. An address must be in the allowed_ips of one of the endpoints, if all of
  // them have some. Those, and names without a wildcard, open what blockedCIDRs has by default, but
  // never loopback, link-local or metadata addresses.
  AddressDecision JudgeAddress(const IpAddress& address, const EndpointIndexes& endpoints,
                               const AddressDecision& listed) const;

  // Whether every one of these endpoints says which addresses a name has to resolve into.
  bool RestrictsAddresses(const EndpointIndexes& endpoints) const;

  // The ports of all endpoints.
  const std::set<uint16_t>& ports() const { return hosts_.ports(); }

  std::span<const PolicyEntry> entries() const { return entries_; }
  std::span<const PolicyEndpoint> endpoints() const { return endpoints_; }
  // Who may use an endpoint; empty: any process.
  std::span<const std::string> BinariesOf(uint32_t endpoint) const {
    return entries_[endpoints_[endpoint].entry].binaries;
  }

  // Whether any endpoint has such a list.
  bool lists_binaries() const;

 private:
  NetworkDecision Match(const Authority& authority) const;
  // Why the client may not use what `decision` has; leaves out endpoints that are not for it.
  ClientRefusal KeepFor(std::span<const std::string> binaries, NetworkDecision* decision) const;
  // Fills in what the endpoints come to.
  void Conclude(NetworkDecision* decision) const;

  std::vector<PolicyEntry> entries_;
  std::vector<PolicyEndpoint> endpoints_;
  // Ids are indexes into `endpoints_`.
  PatternSet hosts_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_NETWORK_POLICY_H_
