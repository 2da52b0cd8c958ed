// Stands in for libFuzzer in ordinary builds: runs every file of the corpus folder given through
// LLVMFuzzerTestOneInput, so that an input that once found a bug is tried on every change.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

bool Replay(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  if (!stream) {
    std::fprintf(stderr, "cannot read %s\n", file.c_str());
    return false;
  }
  // Announced before it runs, so that a crash names its input.
  std::fprintf(stderr, "%s (%zu bytes)\n", file.c_str(), bytes.size());
  // An allocation of exactly this size, so that a read beyond its end is caught.
  const auto copy = std::make_unique<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  LLVMFuzzerTestOneInput(copy.get(), bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  std::error_code error;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[1], error)) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  if (error || files.empty()) {
    std::fprintf(stderr, "%s: %s\n", argv[1], error ? error.message().c_str() : "no inputs");
    return 1;
  }
  bool good = true;
  for (const std::filesystem::path& file : files) good &= Replay(file);
  return good ? 0 : 1;
}
