#ifndef SALLYPORT_GATEWAY_CLIENT_CREDENTIAL_SOURCES_H_
#define SALLYPORT_GATEWAY_CLIENT_CREDENTIAL_SOURCES_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/followed_files.h"
#include "base/unique_fd.h"
#include "gateway-client/environment_source.h"
#include "gateway-client/file_watch.h"
#include "gateway-client/source.h"
#include "rules/credential_rule.h"

namespace sallyport::sources {

// The current values of the sources that a configuration names, kept current by a thread of its
// own: it watches files, runs commands, and waits in poll(2) for either. Owned by the control side
// of the proxy; Follow and Current may be called from any thread but the callback's, Follow by one
// caller at a time.
class CredentialSources {
 public:
  // `on_change` is called on the thread of this object, with the table of the latest Follow,
  // whenever a value came, changed or ended. A receiver that hands it to another thread should use
  // Current() there: the table it was given may be of sources no longer followed by then. It must
  // not wait for a caller of Follow.
  // `files` says which files may be read, and which programs run.
  CredentialSources(std::shared_ptr<FollowedFiles> files,
                    std::function<void(std::shared_ptr<const ValueTable>)> on_change);
  CredentialSources(const CredentialSources&) = delete;
  CredentialSources& operator=(const CredentialSources&) = delete;
  // Stops the thread and kills running commands.
  ~CredentialSources();

  // Follows exactly these sources from now on; values of sources followed before are kept. The
  // first value of each new one is read before it returns (commands side by side, 30 s at most).
  // A variable is taken out of this process's environment when it is read, for good; later calls
  // get the value that was read.
  //
  // Fails, and goes on following what it followed, when a value is unusable: CR, LF or NUL in it,
  // or longer than 16 KiB. The message names every such variable, file and command, a line each,
  // and never a value. An unset or empty variable, a missing file or a failing command is no
  // error: the source has no value, and a warning is logged.
  absl::StatusOr<std::shared_ptr<const ValueTable>> Follow(
      const std::vector<rules::CredentialSource>& specs);

  // The values now, indexed as the specs of the latest Follow that succeeded.
  std::shared_ptr<const ValueTable> Current() const;

  // How often each of those sources failed to give a usable value though it was set.
  std::vector<uint64_t> Failures() const;

 private:
  using SourceList = std::vector<std::shared_ptr<Source>>;
  struct FollowRequest;

  void Run();
  void TakeRequest();
  void AdvanceAll();
  void AnswerRequest();
  void Publish();
  void Wait();
  std::shared_ptr<Source> FindOrMake(const rules::CredentialSource& spec);
  void Wake() const;

  const std::shared_ptr<FollowedFiles> files_;
  const std::function<void(std::shared_ptr<const ValueTable>)> on_change_;
  UniqueFd wake_;  // eventfd(2)

  // The thread's own. Before the sources, which leave it when they end.
  FileWatch file_watch_;

  mutable absl::Mutex mutex_;
  FollowRequest* request_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const ValueTable> table_ ABSL_GUARDED_BY(mutex_);
  // Of `table_`. Their values belong to this object's thread.
  SourceList followed_ ABSL_GUARDED_BY(mutex_);

  // The thread's own.
  // Of the request being answered: the sources that will be followed if all turn out usable.
  FollowRequest* answering_ = nullptr;
  SourceList candidates_;
  // Before the sources, which take from it.
  TakenEnvironment environment_;
  // By identity (SourceKey): every followed or candidate source.
  absl::flat_hash_map<std::string, std::shared_ptr<Source>> known_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_CREDENTIAL_SOURCES_H_
