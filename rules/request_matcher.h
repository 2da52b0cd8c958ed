#ifndef SALLYPORT_RULES_REQUEST_MATCHER_H_
#define SALLYPORT_RULES_REQUEST_MATCHER_H_

#include <string>
#include <string_view>
#include <vector>

namespace sallyport::rules {

// A query parameter and what its values may be: globs in which '*' stands for any run of bytes.
struct QueryMatcher {
  std::string name;
  std::vector<std::string> globs;
};

// One rule of a policy's endpoint: a method, a path and, where given, query parameters. A value
// type; matching allocates nothing but for queries with escapes.
struct RequestMatcher {
  // "network_policies.github.endpoints[0].deny_rules[1]"
  std::string label;
  // Upper case, or "*" for any.
  std::string method;
  // A glob over the normalised path: '*' within a segment, '**' across.
  std::string path;
  std::vector<QueryMatcher> query;

  bool MatchesMethodAndPath(std::string_view method, std::string_view path) const;

  // For a rule that allows: every parameter is there, and all its values match. Queries that
  // servers read in different ways have to match in every reading.
  bool AllowsQuery(std::string_view query) const;
  // For a rule that denies: every parameter is there with some value that matches, in some reading
  // of the query.
  bool DeniesQuery(std::string_view query) const;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_REQUEST_MATCHER_H_
