#ifndef SALLYPORT_TESTS_GATEWAY_CLIENT_TEMPORARY_FOLDER_H_
#define SALLYPORT_TESTS_GATEWAY_CLIENT_TEMPORARY_FOLDER_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace sallyport {

// A fresh folder, free of symbolic links in its name, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::canonical(std::filesystem::temp_directory_path()) / "sallyport.XXXXXX")
            .string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string Path(std::string_view name = "") const {
    return name.empty() ? path_ : path_ + "/" + std::string(name);
  }

  // Writes in place and returns the path.
  std::string Write(std::string_view name, std::string_view contents) const {
    std::ofstream(Path(name), std::ios::binary | std::ios::trunc) << contents;
    return Path(name);
  }

 private:
  std::string path_;
};

}  // namespace sallyport

#endif  // SALLYPORT_TESTS_GATEWAY_CLIENT_TEMPORARY_FOLDER_H_
