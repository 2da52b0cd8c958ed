#include "proxy/net/datagram_socket.h"

#include <uv.h>

#include <cstring>
#include <utility>

#include "proxy/net/uv_status.h"

namespace sallyport::net {
namespace {

constexpr size_t kMaxDatagram = 4096;
// Taken in one turn, so that a flood does not starve what else the loop does.
constexpr int kPerTurn = 64;

bool IsPacketInfo(const cmsghdr& header) {
  return (header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_PKTINFO) ||
         (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_PKTINFO);
}

// Keeps the one control message that says where the datagram was sent to, with the address to
// answer from where sendmsg(2) wants it.
void KeepLocalAddress(msghdr* message, DatagramSocket::Path* path) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr;
       header = CMSG_NXTHDR(message, header)) {
    if (!IsPacketInfo(*header) || header->cmsg_len > sizeof(path->local)) continue;
    if (header->cmsg_level == IPPROTO_IP) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(header), sizeof(info));
      info.ipi_spec_dst = info.ipi_addr;
      std::memcpy(CMSG_DATA(header), &info, sizeof(info));
    }
    std::memcpy(path->local, header, header->cmsg_len);
    path->local_length = CMSG_ALIGN(header->cmsg_len);
    return;
  }
}

}  // namespace

struct DatagramSocket::Box {
  uv_poll_t handle;
  DatagramSocket* owner;
};

DatagramSocket::DatagramSocket(EventLoop* loop, int socket,
                               std::function<void(std::string_view, const Path&)> on_datagram)
    : socket_(socket), on_datagram_(std::move(on_datagram)), box_(new Box) {
  CheckUv(uv_poll_init(loop->uv(), &box_->handle, socket), "uv_poll_init");
  box_->handle.data = box_;
  box_->owner = this;
  uv_poll_start(&box_->handle, UV_READABLE, [](uv_poll_t* handle, int, int) {
    DatagramSocket* owner = static_cast<Box*>(handle->data)->owner;
    if (owner != nullptr) owner->OnReadable();
  });
}

DatagramSocket::~DatagramSocket() {
  box_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&box_->handle),
           [](uv_handle_t* handle) { delete static_cast<Box*>(handle->data); });
}

void DatagramSocket::Reply(std::string_view bytes, const Path& path) {
  Path to = path;
  iovec data = {const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message = {};
  message.msg_name = &to.peer;
  message.msg_namelen = to.peer_length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = to.local_length == 0 ? nullptr : to.local;
  message.msg_controllen = to.local_length;
  (void)sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void DatagramSocket::OnReadable() {
  char bytes[kMaxDatagram];
  for (int i = 0; i < kPerTurn; ++i) {
    Path path;
    alignas(cmsghdr) char control[256];
    iovec data = {bytes, sizeof(bytes)};
    msghdr message = {};
    message.msg_name = &path.peer;
    message.msg_namelen = sizeof(path.peer);
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t size = recvmsg(socket_, &message, MSG_DONTWAIT);
    if (size < 0) return;
    if ((message.msg_flags & MSG_TRUNC) != 0) continue;
    path.peer_length = message.msg_namelen;
    KeepLocalAddress(&message, &path);
    on_datagram_(std::string_view(bytes, static_cast<size_t>(size)), path);
  }
}

}  // namespace sallyport::net
