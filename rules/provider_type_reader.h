#ifndef SALLYPORT_RULES_PROVIDER_TYPE_READER_H_
#define SALLYPORT_RULES_PROVIDER_TYPE_READER_H_

#include <map>
#include <memory>
#include <string>

#include "rules/json_document.h"
#include "rules/problem_list.h"
#include "rules/provider_type.h"

namespace sallyport::rules {

// Turns the values of a provider type's file into a ProviderType, collecting everything that is
// wrong with it on the way. Lives for one file.
class ProviderTypeReader {
 public:
  explicit ProviderTypeReader(const JsonValue& root) : root_(root) {}

  ParsedProviderType Read();

 private:
  void ReadProperty(const JsonValue& object, const std::string& name, const std::string& path);
  void ReadVariables(const JsonValue& object, std::string_view key, const std::string& path,
                     std::vector<std::string>* variables);
  void ReadRule(const JsonValue& object, const std::string& path);
  void ReadFile(const JsonValue& object, const std::string& path);
  // Notes it where the program's variable `name` has been given already.
  void ClaimVariable(const JsonValue& at, const std::string& name, const std::string& path);

  const JsonValue& root_;
  std::shared_ptr<ProviderType> type_ = std::make_shared<ProviderType>();
  ProblemList errors_;
  // Variables of the program's environment, by where they are given.
  std::map<std::string, std::string> claimed_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PROVIDER_TYPE_READER_H_
