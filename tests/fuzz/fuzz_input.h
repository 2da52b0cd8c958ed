#ifndef SALLYPORT_TESTS_FUZZ_FUZZ_INPUT_H_
#define SALLYPORT_TESTS_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// How the targets that drive a connection read their input: a few lines of letters, so that a
// corpus can be written by hand, and then the bytes that the peer sends.
namespace sallyport::fuzz {

inline void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "broken invariant: %s\n", what);
  std::abort();
}

inline void RequireSame(std::string_view expected, std::string_view got, const char* when) {
  if (expected == got) return;
  std::fprintf(stderr, "another result %s:\n%.*s\n---- instead of\n%.*s\n", when,
               static_cast<int>(got.size()), got.data(), static_cast<int>(expected.size()),
               expected.data());
  std::abort();
}

inline std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == text->npos ? text->size() : end + 1);
  return line;
}

// One letter after another, from the beginning again at the end; `otherwise` for an empty line.
class Letters {
 public:
  Letters(std::string_view line, char otherwise) : line_(line), otherwise_(otherwise) {}
  char Next() { return line_.empty() ? otherwise_ : line_[next_++ % line_.size()]; }

 private:
  std::string_view line_;
  char otherwise_;
  size_t next_ = 0;
};

// How the peer's bytes are cut into reads.
class Cuts {
 public:
  static Cuts Whole() { return Cuts({}, true); }
  static Cuts SingleBytes() { return Cuts({}, false); }
  // '1' is a read of one byte, '2' of two, and so on through ASCII.
  static Cuts FromLetters(std::string_view line) { return Cuts(line, false); }

  std::string_view TakePiece(std::string_view* bytes) {
    const size_t wanted =
        whole_ ? bytes->size() : 1 + (static_cast<size_t>(letters_.Next()) + 256 - '1') % 128;
    const std::string_view piece = bytes->substr(0, std::min(wanted, bytes->size()));
    bytes->remove_prefix(piece.size());
    return piece;
  }

 private:
  Cuts(std::string_view line, bool whole) : letters_(line, '1'), whole_(whole) {}

  Letters letters_;
  bool whole_;
};

}  // namespace sallyport::fuzz

#endif  // SALLYPORT_TESTS_FUZZ_FUZZ_INPUT_H_
