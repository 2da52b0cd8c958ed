#ifndef SALLYPORT_RULES_PROVIDER_TYPES_H_
#define SALLYPORT_RULES_PROVIDER_TYPES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "rules/provider_type.h"

namespace sallyport::rules {

// The provider types that there are, by name: those compiled in from providers/, and what an
// operator adds to them. Immutable once it is shared; from any thread then.
class ProviderTypes {
 public:
  // Those compiled in, each parsed when it is first asked for.
  static std::shared_ptr<const ProviderTypes> BuiltIn();

  ProviderTypes();
  ProviderTypes(const ProviderTypes& other);
  ProviderTypes& operator=(const ProviderTypes& other);
  ~ProviderTypes();

  // An added type may not take the place of another, since whoever names that one would get
  // something else than what it is known for.
  absl::Status Add(std::shared_ptr<const ProviderType> type);

  // Null if there is none.
  std::shared_ptr<const ProviderType> Find(std::string_view name) const;
  // The same with an error that names the types there are, or the nearest one.
  absl::StatusOr<std::shared_ptr<const ProviderType>> Get(std::string_view name) const;

  // By name.
  std::vector<std::shared_ptr<const ProviderType>> all() const;

 private:
  class Entry;

  absl::Status AddEntry(std::shared_ptr<const Entry> entry);

  std::vector<std::shared_ptr<const Entry>> entries_;  // by name
};

// Where a configuration takes the meaning of providers from.
struct Providers {
  // The types that its rules may name. Null: any name and property may stand there, and has no
  // value.
  std::shared_ptr<const ProviderTypes> types;
  // Attached whatever the file says: their hosts are allowed, and their rules follow the file's.
  std::vector<std::shared_ptr<const ProviderType>> attached;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PROVIDER_TYPES_H_
