#include "rules/glob.h"

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"

namespace sallyport::rules {
namespace {

// A set of positions in the glob, as a nondeterministic automaton's states; position i means that
// what stands before glob[i] has matched so far. Position glob.size() is the end.
class Positions {
 public:
  Positions(std::string_view glob, char separator)
      : glob_(glob), separator_(separator), marked_(glob.size() + 1, 0) {}

  // Adds `position`, and those that follow from it because a run may be empty.
  void Add(size_t position) {
    while (marked_[position] == 0) {
      marked_[position] = 1;
      any_ = true;
      if (IsDouble(position)) {
        position += 2;
      } else if (position < glob_.size() && glob_[position] == '*') {
        position += 1;
      } else {
        return;
      }
    }
  }

  bool Has(size_t position) const { return marked_[position] != 0; }
  bool any() const { return any_; }

  void Clear() {
    marked_.assign(marked_.size(), 0);
    any_ = false;
  }

  // Where `from` leads on byte `c`.
  void Step(const Positions& from, char c) {
    for (size_t i = 0; i < glob_.size(); ++i) {
      if (!from.Has(i)) continue;
      if (IsDouble(i)) {
        Add(i);
      } else if (glob_[i] == '*') {
        if (c != separator_) Add(i);
      } else if (glob_[i] == c) {
        Add(i + 1);
        if (c == separator_ && IsDouble(i + 1) && i + 3 < glob_.size() &&
            glob_[i + 3] == separator_) {
          Add(i + 4);
        }
      }
    }
  }

 private:
  bool IsDouble(size_t position) const { return glob_.substr(position).starts_with("**"); }

  std::string_view glob_;
  char separator_;
  absl::InlinedVector<uint8_t, 256> marked_;
  bool any_ = false;
};

}  // namespace

bool MatchGlob(std::string_view glob, std::string_view text, char separator) {
  // The literal beginning decides most requests. The last byte before the star is left to the
  // automaton: it may be the separator that "/**/" begins with.
  const size_t star = glob.find('*');
  if (star == glob.npos) return glob == text;
  const size_t literal = star == 0 ? 0 : star - 1;
  if (!text.starts_with(glob.substr(0, literal))) return false;
  glob.remove_prefix(literal);
  text.remove_prefix(literal);

  Positions current(glob, separator);
  Positions next(glob, separator);
  current.Add(0);
  for (const char c : text) {
    next.Clear();
    next.Step(current, c);
    if (!next.any()) return false;
    std::swap(current, next);
  }
  return current.Has(glob.size());
}

}  // namespace sallyport::rules
