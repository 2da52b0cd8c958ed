#ifndef SALLYPORT_RULES_POLICY_READER_H_
#define SALLYPORT_RULES_POLICY_READER_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/json_document.h"
#include "rules/policy.h"
#include "rules/problem_list.h"

namespace sallyport::rules {

// Turns the values of a policy.yaml into a Policy, collecting everything that is wrong with it on
// the way. Lives for one file.
class PolicyReader {
 public:
  explicit PolicyReader(const JsonValue& root) : root_(root) {}

  ParsedPolicy Read();

 private:
  void ReadFilesystem(const JsonValue& object);
  void ReadPaths(const JsonValue& object, std::string_view key, std::vector<std::string>* paths);
  void ReadProcess(const JsonValue& object);
  std::string ReadIdentity(const JsonValue& object, std::string_view key);

  void ReadEntry(const JsonValue::Member& member);
  void ReadBinaries(const JsonValue& list, const std::string& path, PolicyEntry* entry);
  void ReadEndpoint(const JsonValue& object, const std::string& path, uint32_t entry);
  std::vector<uint16_t> ReadPorts(const JsonValue& object, const std::string& path);
  std::vector<Pattern> ReadHost(const JsonValue& object, const std::string& path,
                                const std::vector<uint16_t>& ports);
  void ReadAllowedIps(const JsonValue& object, const std::string& path, PolicyEndpoint* endpoint);
  void ReadInspection(const JsonValue& object, const std::string& path, PolicyEndpoint* endpoint);
  void ReadRules(const JsonValue& object, const std::string& path, PolicyEndpoint* endpoint);
  RequestMatcher ReadMatcher(const JsonValue& object, const std::string& path);
  void ReadQuery(const JsonValue& object, const std::string& path, RequestMatcher* matcher);
  void CheckProtocol(const JsonValue& object, const std::string& path,
                     const PolicyEndpoint& endpoint);
  void CheckMessages(const JsonValue& object, const std::string& path,
                     const PolicyEndpoint& endpoint);
  // Endpoints that name the same host and port have to agree.
  void CheckTwins(const JsonValue& object, const std::string& path, const PolicyEndpoint& endpoint,
                  const std::vector<Pattern>& patterns);

  const JsonValue& root_;
  std::shared_ptr<Policy> policy_ = std::make_shared<Policy>();
  ProblemList errors_;
  ProblemList warnings_;
  // By canonical host and port: the first endpoint.
  std::map<std::string, uint32_t> named_;
  size_t paths_ = 0;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_POLICY_READER_H_
