#include "rules/glob.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/container/inlined_vector.h"

namespace sallyport::rules {
namespace {

// Runs a glob as a nondeterministic automaton: a state is a position in the glob, and being in
// state i means that what stands before glob[i] has matched so far. The states of one moment are a
// list without duplicates, mostly of one or two.
class GlobAutomaton {
 public:
  GlobAutomaton(std::string_view glob, char separator)
      : glob_(glob), separator_(separator), memory_(3 * (glob.size() + 1), 0) {
    entered_ = memory_.data();
    states_ = entered_ + glob.size() + 1;
    next_ = states_ + glob.size() + 1;
    Enter(0);
    Advance();
  }
  GlobAutomaton(const GlobAutomaton&) = delete;
  GlobAutomaton& operator=(const GlobAutomaton&) = delete;

  // False once nothing can match any more.
  bool Read(char c) {
    ++moment_;
    for (size_t i = 0; i < state_count_; ++i) Step(states_[i], c);
    Advance();
    return state_count_ > 0;
  }

  bool AtEnd() const {
    for (size_t i = 0; i < state_count_; ++i) {
      if (states_[i] == glob_.size()) return true;
    }
    return false;
  }

 private:
  void Advance() {
    std::swap(states_, next_);
    state_count_ = std::exchange(next_count_, 0);
  }

  // Adds `state`, and those that follow from it because a run may be empty.
  void Enter(size_t state) {
    while (entered_[state] != moment_) {
      entered_[state] = moment_;
      next_[next_count_++] = static_cast<uint32_t>(state);
      if (state == glob_.size() || glob_[state] != '*') return;
      state += IsDouble(state) ? 2 : 1;
    }
  }

  void Step(size_t state, char c) {
    if (state == glob_.size()) return;
    if (glob_[state] == '*') {
      if (c != separator_ || IsDouble(state)) Enter(state);
      return;
    }
    if (glob_[state] != c) return;
    Enter(state + 1);
    // "/**/" is passed at once by a single '/'.
    if (c == separator_ && IsDouble(state + 1) && state + 3 < glob_.size() &&
        glob_[state + 3] == separator_) {
      Enter(state + 4);
    }
  }

  bool IsDouble(size_t state) const {
    return state + 1 < glob_.size() && glob_[state] == '*' && glob_[state + 1] == '*';
  }

  std::string_view glob_;
  char separator_;
  // Moments count from 1.
  uint32_t moment_ = 1;
  // Holds the three arrays that follow, each with room for every state.
  absl::InlinedVector<uint32_t, 128> memory_;
  // When each state was last entered.
  uint32_t* entered_;
  uint32_t* states_;
  size_t state_count_ = 0;
  uint32_t* next_;
  size_t next_count_ = 0;
};

}  // namespace

bool MatchGlob(std::string_view glob, std::string_view text, char separator) {
  // The literal beginning decides most requests. The last byte before the star is left to the
  // automaton: it may be the separator that "/**/" begins with.
  const size_t star = glob.find('*');
  if (star == glob.npos) return glob == text;
  const size_t literal = star == 0 ? 0 : star - 1;
  if (!text.starts_with(glob.substr(0, literal))) return false;
  GlobAutomaton automaton(glob.substr(literal), separator);
  for (const char c : text.substr(literal)) {
    if (!automaton.Read(c)) return false;
  }
  return automaton.AtEnd();
}

}  // namespace sallyport::rules
