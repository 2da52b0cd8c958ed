#include "rules/shape_checker.h"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include "base/status.h"
#include "rules/suggestion.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

using Kind = JsonValue::Kind;

void CheckValue(const JsonValue& value, const ConfigKey& key, const std::string& path,
                ProblemList* problems);
void CheckMap(const JsonValue& value, const ConfigKey& key, const std::string& path,
              ProblemList* problems);

// Adds "must be `wanted`, not …" unless `fits`; returns `fits`.
bool Require(bool fits, const JsonValue& value, const std::string& path, std::string_view wanted,
             ProblemList* problems) {
  if (!fits) {
    problems->Add(value, path, fmt::format("must be {}, not {}", wanted, value.KindName()));
  }
  return fits;
}

void CheckInteger(const JsonValue& value, const ConfigKey& key, const std::string& path,
                  ProblemList* problems) {
  const std::string wanted = key.min == key.max
                                 ? fmt::format("{}", key.min)
                                 : fmt::format("a whole number from {} to {}", key.min, key.max);
  const bool number = value.kind == Kind::kInteger || value.kind == Kind::kNumber;
  if (!Require(number, value, path, wanted, problems)) return;
  if (value.kind != Kind::kInteger || value.integer < key.min || value.integer > key.max) {
    problems->Add(value, path, fmt::format("must be {}", wanted));
  }
}

void CheckList(const JsonValue& value, const ConfigKey& key, const std::string& path,
               ProblemList* problems) {
  if (key.nonempty && value.items.empty()) {
    problems->Add(value, path, "must hold at least one item; leave the key out for no limit");
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    const JsonValue& item = value.items[i];
    const std::string item_path = ItemPath(path, i);
    if (key.shape == ValueShape::kObjectList) {
      if (Require(item.kind == Kind::kObject, item, item_path, "an object", problems)) {
        CheckObject(item, key.keys, item_path, problems);
      }
    } else if (key.shape == ValueShape::kIntegerList) {
      CheckInteger(item, key, item_path, problems);
    } else {
      Require(item.kind == Kind::kString, item, item_path, "a string", problems);
    }
  }
}

void CheckChoice(const JsonValue& value, const ConfigKey& key, const std::string& path,
                 ProblemList* problems) {
  const bool boolean_too = key.shape == ValueShape::kBooleanOrChoice;
  if (boolean_too && value.kind == Kind::kBoolean) return;
  const std::string wanted =
      fmt::format("{}{}", boolean_too ? "true, false or " : "", QuotedList(key.choices));
  if (!Require(value.kind == Kind::kString, value, path, wanted, problems)) return;
  if (std::ranges::find(key.choices, value.string) != key.choices.end()) return;
  if (std::ranges::find(key.unenforced_choices, value.string) != key.unenforced_choices.end()) {
    problems->Add(value, path,
                  fmt::format("\"{}\" is not enforced by sallyport, so it is not taken; must be {}",
                              value.string, wanted));
    return;
  }
  const std::string_view near = Nearest(value.string, key.choices);
  problems->Add(value, path,
                near.empty() ? fmt::format("must be {}", wanted)
                             : fmt::format("must be {}; did you mean \"{}\"?", wanted, near));
}

void CheckValue(const JsonValue& value, const ConfigKey& key, const std::string& path,
                ProblemList* problems) {
  switch (key.shape) {
    case ValueShape::kAnything:
      return;
    case ValueShape::kBoolean:
      Require(value.kind == Kind::kBoolean, value, path, "true or false", problems);
      return;
    case ValueShape::kChoice:
    case ValueShape::kBooleanOrChoice:
      CheckChoice(value, key, path, problems);
      return;
    case ValueShape::kInteger:
      CheckInteger(value, key, path, problems);
      return;
    case ValueShape::kText:
      Require(value.kind == Kind::kString, value, path, "a string", problems);
      return;
    case ValueShape::kTextOrInteger:
      Require(value.kind == Kind::kString || value.kind == Kind::kInteger, value, path,
              "a string or a number", problems);
      return;
    case ValueShape::kTextOrList:
      if (value.kind == Kind::kString) return;
      if (Require(value.kind == Kind::kArray, value, path, "a string or a list of strings",
                  problems)) {
        CheckList(value, key, path, problems);
      }
      return;
    case ValueShape::kIntegerList:
      if (Require(value.kind == Kind::kArray, value, path, "a list of numbers", problems)) {
        CheckList(value, key, path, problems);
      }
      return;
    case ValueShape::kTextList:
    case ValueShape::kObjectList:
      if (Require(value.kind == Kind::kArray, value, path,
                  key.shape == ValueShape::kTextList ? "a list of strings" : "a list of objects",
                  problems)) {
        CheckList(value, key, path, problems);
      }
      return;
    case ValueShape::kTextOrObject:
      if (value.kind == Kind::kString) return;
      if (Require(value.kind == Kind::kObject, value, path, "a string or an object", problems)) {
        CheckObject(value, key.keys, path, problems);
      }
      return;
    case ValueShape::kObjectMap:
    case ValueShape::kTextOrObjectMap:
      if (Require(value.kind == Kind::kObject, value, path, "an object", problems)) {
        CheckMap(value, key, path, problems);
      }
      return;
    case ValueShape::kObject:
      if (Require(value.kind == Kind::kObject, value, path, "an object", problems)) {
        CheckObject(value, key.keys, path, problems);
      }
      return;
  }
}

void ReportRepeated(const JsonValue::Member& member, const std::string& path,
                    ProblemList* problems) {
  problems->AddAtKey(member, path, "the key stands here for the second time; keep one");
}

// The keys are the file's own; each has what `key` describes.
void CheckMap(const JsonValue& value, const ConfigKey& key, const std::string& path,
              ProblemList* problems) {
  ConfigKey each = key;
  each.shape =
      key.shape == ValueShape::kObjectMap ? ValueShape::kObject : ValueShape::kTextOrObject;
  for (const JsonValue::Member& member : value.members) {
    const std::string member_path = MemberPath(path, member.key);
    if (member.repeated) {
      ReportRepeated(member, member_path, problems);
    } else if (absl::Status name = CheckText(member.key, key.key_form); !name.ok()) {
      problems->AddAtKey(member, member_path, fmt::format("the name {}", Message(name)));
    } else {
      CheckValue(member.value, each, member_path, problems);
    }
  }
}

void ReportUnknown(const JsonValue::Member& member, std::span<const ConfigKey> keys,
                   const std::string& path, ProblemList* problems) {
  std::vector<std::string_view> names;
  for (const ConfigKey& key : keys) {
    if (key.unenforced.empty()) names.push_back(key.name);
  }
  const std::string_view near = Nearest(member.key, names);
  problems->AddAtKey(member, path,
                     near.empty() ? fmt::format("unknown key; there are {}", QuotedList(names))
                                  : fmt::format("unknown key; did you mean \"{}\"?", near));
}

// Keys of which exactly one must be there.
void CheckOneOf(const JsonValue& object, std::span<const ConfigKey> keys, OneOf mark,
                std::string_view what, const std::string& path, ProblemList* problems) {
  std::vector<std::string_view> present;
  bool any = false;
  for (const ConfigKey& key : keys) {
    if (key.one_of != mark) continue;
    any = true;
    if (object.Find(key.name) != nullptr) present.push_back(key.name);
  }
  if (!any || present.size() == 1) return;
  if (mark == OneOf::kDestination && !present.empty()) return;
  if (present.empty()) {
    problems->Add(object, path, fmt::format("{} is missing: give {}", what, NamesOf(keys, mark)));
  } else {
    problems->Add(
        object, path,
        fmt::format("has {} {}s; keep one of {}", present.size(), what, QuotedList(present)));
  }
}

}  // namespace

void CheckObject(const JsonValue& object, std::span<const ConfigKey> keys, const std::string& path,
                 ProblemList* problems) {
  for (const ConfigKey& key : keys) {
    if (key.required && object.Find(key.name) == nullptr) {
      problems->Add(object, path, fmt::format("\"{}\" is missing", key.name));
    }
  }
  CheckOneOf(object, keys, OneOf::kSource, "source", path, problems);
  CheckOneOf(object, keys, OneOf::kTarget, "target", path, problems);
  CheckOneOf(object, keys, OneOf::kPort, "port", path, problems);
  CheckOneOf(object, keys, OneOf::kDestination, "destination", path, problems);
  for (const JsonValue::Member& member : object.members) {
    const std::string member_path = MemberPath(path, member.key);
    const auto key = std::ranges::find(keys, member.key, &ConfigKey::name);
    if (key == keys.end()) {
      ReportUnknown(member, keys, member_path, problems);
      continue;
    }
    if (member.repeated) {
      ReportRepeated(member, member_path, problems);
      continue;
    }
    if (!key->unenforced.empty()) {
      problems->AddAtKey(
          member, member_path,
          fmt::format("{}, which sallyport does not enforce; leave it out", key->unenforced));
      continue;
    }
    if (!key->needs.empty() && object.Find(key->needs) == nullptr) {
      problems->AddAtKey(member, member_path, fmt::format("needs \"{}\" beside it", key->needs));
    }
    CheckValue(member.value, *key, member_path, problems);
  }
}

}  // namespace sallyport::rules
