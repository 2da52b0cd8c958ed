#include "supervisor/seccomp_program.h"

#include <fmt/core.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

// Each is EPERM whatever its arguments.
constexpr std::array kForbidden = {
    // Into other processes.
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    // Into the kernel.
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "iopl", "ioperm", "syslog", "acct", "quotactl", "quotactl_fd", "reboot",
    "swapon", "swapoff", "lookup_dcookie", "vhangup",
    // Keys belong to the user, not to the sandbox.
    "keyctl", "add_key", "request_key",
    // Round the mount namespace.
    "mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig",
    "fsmount", "fspick", "pivot_root", "chroot", "open_by_handle_at", "setns"};

// Memory, semaphores and queues that programs of one user have in common (sysvipc(7),
// mq_overview(7)), where the child has no namespace of its own for them.
constexpr std::array kSharedWithTheHost = {"shmget", "shmat",      "shmctl",   "semget", "semop",
                                           "semctl", "semtimedop", "msgget",   "msgsnd", "msgrcv",
                                           "msgctl", "mq_open",    "mq_unlink"};

// Newer than libseccomp's tables: names that it does not know, with their numbers, which are the
// same on every architecture since 5.1.
constexpr std::array kForbiddenNumbers = {
    467,  // open_tree_attr
};

constexpr std::array<uint64_t, 7> kNamespaceFlags = {CLONE_NEWUSER,  CLONE_NEWNS,  CLONE_NEWNET,
                                                     CLONE_NEWPID,   CLONE_NEWIPC, CLONE_NEWUTS,
                                                     CLONE_NEWCGROUP};
// Shares its bit with clone's exit signal, so that only unshare can mean it.
constexpr uint64_t kNewTime = 0x80;

// The kernel takes these arguments as 32 bits; whatever is above must not hide them.
constexpr uint64_t kLow32 = 0xffffffff;
constexpr uint64_t kSocketTypeMask = 0xf;
constexpr uint64_t kSocketTypes = 16;

struct ContextDeleter {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, ContextDeleter>;

// Collects rules; the first failure stays.
class Rules {
 public:
  explicit Rules(scmp_filter_ctx context) : context_(context) {}

  template <typename... Conditions>
  void Add(uint32_t action, int call, Conditions... conditions) {
    if (error_ != 0) return;
    error_ = seccomp_rule_add(context_, action, call, sizeof...(conditions), conditions...);
    // What this architecture does not have needs no rule.
    if (error_ == -EDOM || call == __NR_SCMP_ERROR) error_ = 0;
  }
  template <typename... Conditions>
  void Deny(int call, Conditions... conditions) {
    Add(SCMP_ACT_ERRNO(EPERM), call, conditions...);
  }
  int error() const { return error_; }

 private:
  scmp_filter_ctx context_;
  int error_ = 0;
};

scmp_arg_cmp Compare(unsigned argument, scmp_compare how, uint64_t value) {
  return SCMP_CMP(argument, how, value, 0);
}

scmp_arg_cmp Bits(unsigned argument, uint64_t mask, uint64_t value) {
  return SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value);
}

void AddNamespaces(Rules* rules) {
  for (uint64_t flag : kNamespaceFlags) {
    rules->Deny(SCMP_SYS(clone), Bits(0, flag, flag));
    rules->Deny(SCMP_SYS(unshare), Bits(0, flag, flag));
  }
  rules->Deny(SCMP_SYS(unshare), Bits(0, kNewTime, kNewTime));
  rules->Add(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
}

// What a program may ask for: Linux, with the names of old kernels or not, or to be told.
void AddPersonality(Rules* rules) {
  constexpr uint64_t kUsual = uint64_t{PER_LINUX32} | uint64_t{UNAME26};
  constexpr uint64_t kQueryOnly = uint64_t{1} << 31;  // set in 0xffffffff and in nothing usual
  for (unsigned bit = 0; bit < 31; ++bit) {
    const uint64_t flag = uint64_t{1} << bit;
    if ((flag & kUsual) == 0) {
      rules->Deny(SCMP_SYS(personality), Bits(0, flag | kQueryOnly, flag));
    }
    // With the highest bit, all others: 0xffffffff.
    rules->Deny(SCMP_SYS(personality), Bits(0, flag | kQueryOnly, kQueryOnly));
  }
}

// Typing into the terminal from which sallyport was started would run commands there.
void AddTerminal(Rules* rules) {
  constexpr uint64_t kTiocLinux = 0x541c;
  rules->Deny(SCMP_SYS(ioctl), Bits(1, kLow32, TIOCSTI));
  rules->Deny(SCMP_SYS(ioctl), Bits(1, kLow32, kTiocLinux));
}

void AddFamilies(Rules* rules) {
  for (uint64_t family = 0; family <= AF_NETLINK; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) {
      continue;
    }
    rules->Deny(SCMP_SYS(socket), Compare(0, SCMP_CMP_EQ, family));
  }
  rules->Deny(SCMP_SYS(socket), Compare(0, SCMP_CMP_GT, AF_NETLINK));
  rules->Deny(SCMP_SYS(socket), Compare(0, SCMP_CMP_EQ, AF_NETLINK),
              Compare(2, SCMP_CMP_NE, NETLINK_ROUTE));
  // A pair is connected from the start and reaches nobody.
  rules->Deny(SCMP_SYS(socketpair), Compare(0, SCMP_CMP_NE, AF_UNIX));
}

void DenyTypes(Rules* rules, uint64_t family, std::initializer_list<uint64_t> granted) {
  for (uint64_t type = 0; type < kSocketTypes; ++type) {
    if (std::find(granted.begin(), granted.end(), type) != granted.end()) continue;
    rules->Deny(SCMP_SYS(socket), Compare(0, SCMP_CMP_EQ, family), Bits(1, kSocketTypeMask, type));
  }
}

void AddBrokeredTcp(Rules* rules) {
  rules->Deny(SCMP_SYS(socket), Compare(0, SCMP_CMP_EQ, AF_UNIX));
  for (uint64_t family : {AF_INET, AF_INET6}) {
    DenyTypes(rules, family, {SOCK_STREAM});
    rules->Add(SCMP_ACT_NOTIFY, SCMP_SYS(socket), Compare(0, SCMP_CMP_EQ, family),
               Bits(1, kSocketTypeMask, SOCK_STREAM));
  }
  rules->Deny(SCMP_SYS(listen));
  // These connect without connect(2), past Landlock's rule for it.
  rules->Deny(SCMP_SYS(sendto), Bits(3, MSG_FASTOPEN, MSG_FASTOPEN));
  rules->Deny(SCMP_SYS(sendmsg), Bits(2, MSG_FASTOPEN, MSG_FASTOPEN));
  rules->Deny(SCMP_SYS(sendmmsg), Bits(3, MSG_FASTOPEN, MSG_FASTOPEN));
}

absl::StatusOr<std::string> Export(scmp_filter_ctx context) {
  const UniqueFd file(memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "cannot make room for the system call filter");
  if (const int error = seccomp_export_bpf(context, file.get()); error != 0) {
    return ErrnoStatus(-error, "cannot make the system call filter");
  }
  std::string program(static_cast<size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
  if (pread(file.get(), program.data(), program.size(), 0) !=
      static_cast<ssize_t>(program.size())) {
    return absl::InternalError("cannot read the system call filter back");
  }
  return program;
}

}  // namespace

absl::StatusOr<std::string> MakeSeccompProgram(SocketPolicy sockets) {
  const Context context(seccomp_init(SCMP_ACT_ALLOW));
  if (context == nullptr) return absl::InternalError("libseccomp makes no filter");
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
  // A binary tree instead of a list: every system call of the child's passes through it.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  Rules rules(context.get());
  for (const char* name : kForbidden) rules.Deny(seccomp_syscall_resolve_name(name));
  for (int number : kForbiddenNumbers) rules.Deny(number);
  AddNamespaces(&rules);
  AddPersonality(&rules);
  AddTerminal(&rules);
  AddFamilies(&rules);
  if (sockets == SocketPolicy::kBrokeredTcp) {
    AddBrokeredTcp(&rules);
    // The limits of any process of the user's, sallyport's among them, would be the child's to set.
    rules.Deny(SCMP_SYS(prlimit64), Compare(0, SCMP_CMP_NE, 0));
    for (const char* name : kSharedWithTheHost) rules.Deny(seccomp_syscall_resolve_name(name));
  } else {
    DenyTypes(&rules, AF_INET, {SOCK_STREAM, SOCK_DGRAM});
    DenyTypes(&rules, AF_INET6, {SOCK_STREAM, SOCK_DGRAM});
  }
  if (rules.error() != 0) {
    return ErrnoStatus(-rules.error(), "cannot make a rule of the system call filter");
  }
  return Export(context.get());
}

bool HasSeccompFilters() {
  // With no filter to load it answers EFAULT where it knows filters (seccomp(2), prctl(2)).
  return prctl(PR_SET_SECCOMP, 2 /* SECCOMP_MODE_FILTER */, nullptr, 0, 0) != 0 && errno == EFAULT;
}

}  // namespace sallyport::supervisor
