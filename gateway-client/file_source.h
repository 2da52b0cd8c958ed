#ifndef SALLYPORT_GATEWAY_CLIENT_FILE_SOURCE_H_
#define SALLYPORT_GATEWAY_CLIENT_FILE_SOURCE_H_

#include <string>

#include "base/followed_files.h"
#include "gateway-client/file_watch.h"
#include "gateway-client/source.h"

namespace sallyport::sources {

// The contents of a file, without one newline at the end; read again whenever it may have changed.
class FileSource final : public Source {
 public:
  // `files` says whether it may be read; both outlive this.
  FileSource(std::string path, FollowedFiles* files, FileWatch* watch);
  ~FileSource() override;

  void Advance(SteadyTime now) override;
  SteadyTime Deadline() const override { return next_read_; }

  const std::string& path() const { return path_; }
  // The next Advance reads the file.
  void MarkChanged() { next_read_ = SteadyTime::min(); }

 private:
  void Read(SteadyTime now);

  const std::string path_;
  FollowedFiles* const files_;
  FileWatch* const watch_;
  SteadyTime next_read_ = SteadyTime::min();
  // Why it was not read again, as it was logged last.
  std::string refused_;
};

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_FILE_SOURCE_H_
