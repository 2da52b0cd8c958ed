#include "rules/provider_types.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/core.h>

#include "absl/base/call_once.h"
#include "base/status.h"
#include "rules/built_in_provider_types.h"
#include "rules/suggestion.h"

namespace sallyport::rules {

// One type, or the text that it is parsed from when it is first needed.
class ProviderTypes::Entry {
 public:
  explicit Entry(std::shared_ptr<const ProviderType> type)
      : name_(type->name), type_(std::move(type)) {}
  explicit Entry(const EmbeddedText& embedded) : name_(embedded.name), text_(embedded.text) {}

  const std::string& name() const { return name_; }

  const std::shared_ptr<const ProviderType>& type() const {
    absl::call_once(parsed_, [this] {
      if (type_ == nullptr) type_ = ParseProviderType(text_).type;
      // Compiled in, and tested.
      if (type_ == nullptr || type_->name != name_) std::abort();
    });
    return type_;
  }

 private:
  const std::string name_;
  const std::string_view text_;
  mutable absl::once_flag parsed_;
  mutable std::shared_ptr<const ProviderType> type_;
};

std::shared_ptr<const ProviderTypes> ProviderTypes::BuiltIn() {
  static const auto& built_in = *[] {
    auto types = std::make_shared<ProviderTypes>();
    for (const EmbeddedText& embedded : BuiltInProviderTypeTexts()) {
      if (!types->AddEntry(std::make_shared<Entry>(embedded)).ok()) std::abort();
    }
    return new std::shared_ptr<const ProviderTypes>(std::move(types));
  }();
  return built_in;
}

ProviderTypes::ProviderTypes() = default;
ProviderTypes::ProviderTypes(const ProviderTypes& other) = default;
ProviderTypes& ProviderTypes::operator=(const ProviderTypes& other) = default;
ProviderTypes::~ProviderTypes() = default;

absl::Status ProviderTypes::Add(std::shared_ptr<const ProviderType> type) {
  return AddEntry(std::make_shared<Entry>(std::move(type)));
}

absl::Status ProviderTypes::AddEntry(std::shared_ptr<const Entry> entry) {
  const auto place = std::ranges::lower_bound(entries_, entry->name(), {}, &Entry::name);
  if (place != entries_.end() && (*place)->name() == entry->name()) {
    return absl::AlreadyExistsError(fmt::format(
        "there is a provider type \"{}\" already; give this one another name", entry->name()));
  }
  entries_.insert(place, std::move(entry));
  return absl::OkStatus();
}

std::shared_ptr<const ProviderType> ProviderTypes::Find(std::string_view name) const {
  const auto place = std::ranges::lower_bound(entries_, name, {}, &Entry::name);
  return place != entries_.end() && (*place)->name() == name ? (*place)->type() : nullptr;
}

absl::StatusOr<std::shared_ptr<const ProviderType>> ProviderTypes::Get(
    std::string_view name) const {
  if (auto found = Find(name)) return found;
  std::vector<std::string_view> names;
  names.reserve(entries_.size());
  for (const auto& entry : entries_) names.push_back(entry->name());
  const std::string_view near = Nearest(name, names);
  return absl::NotFoundError(
      near.empty() ? fmt::format("no such provider type; there are {}", QuotedList(names))
                   : fmt::format("no such provider type; did you mean \"{}\"?", near));
}

std::vector<std::shared_ptr<const ProviderType>> ProviderTypes::all() const {
  std::vector<std::shared_ptr<const ProviderType>> types;
  types.reserve(entries_.size());
  for (const auto& entry : entries_) types.push_back(entry->type());
  return types;
}

}  // namespace sallyport::rules
