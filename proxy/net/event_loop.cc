#include "proxy/net/event_loop.h"

#include <utility>

#include "proxy/net/uv_status.h"

namespace sallyport::net {

void RetireDeleter::operator()(Retirable* object) const {
  object->Retire();
  object->loop().DestroyLater(std::unique_ptr<Retirable>(object));
}

EventLoop::EventLoop()
    : read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBufferSize)),
      plaintext_buffer_(std::make_unique_for_overwrite<char[]>(kReadBufferSize)) {
  CheckUv(uv_loop_init(&loop_), "uv_loop_init");
  CheckUv(uv_prepare_init(&loop_, &prepare_), "uv_prepare_init");
  CheckUv(uv_check_init(&loop_, &check_), "uv_check_init");
  prepare_.data = this;
  check_.data = this;
  uv_prepare_start(&prepare_,
                   [](uv_prepare_t* handle) { static_cast<EventLoop*>(handle->data)->EndTurn(); });
  uv_check_start(&check_,
                 [](uv_check_t* handle) { static_cast<EventLoop*>(handle->data)->EndTurn(); });
}

EventLoop::~EventLoop() {
  EndTurn();
  WaitForOwned();
  // Boxes that owners have let go close here. A handle still owned would keep the loop alive, which
  // is a broken invariant, so the wait is unbounded on purpose.
  uv_unref(reinterpret_cast<uv_handle_t*>(&prepare_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&check_));
  do {
    EndTurn();
    uv_run(&loop_, UV_RUN_DEFAULT);
    EndTurn();
  } while (uv_loop_alive(&loop_) != 0);
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&check_), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  CheckUv(uv_loop_close(&loop_), "uv_loop_close");
  // Not by recursion through `next`: the list may be long.
  while (free_chunks_ != nullptr) free_chunks_ = std::move(free_chunks_->next);
}

void EventLoop::WaitForOwned() {
  uv_timer_t limit;
  CheckUv(uv_timer_init(&loop_, &limit), "uv_timer_init");
  limit.data = this;
  uv_timer_start(
      &limit, [](uv_timer_t* timer) { static_cast<EventLoop*>(timer->data)->owned_.clear(); },
      kOwnedGraceMs, 0);
  while (!owned_.empty()) uv_run(&loop_, UV_RUN_ONCE);
  uv_close(reinterpret_cast<uv_handle_t*>(&limit), nullptr);
  uv_run(&loop_, UV_RUN_NOWAIT);
}

void EventLoop::Disown(Retirable* object) {
  std::erase_if(owned_, [object](const auto& owned) { return owned.get() == object; });
}

void EventLoop::Run() {
  thread_ = std::this_thread::get_id();
  while (!stopping_) uv_run(&loop_, UV_RUN_DEFAULT);
  EndTurn();
  thread_ = std::thread::id();
}

void EventLoop::Stop() {
  stopping_ = true;
  uv_stop(&loop_);
}

void EventLoop::Schedule(TurnTask* task) {
  if (task->slot_ != 0) return;
  tasks_.push_back(task);
  task->slot_ = tasks_.size();
}

void EventLoop::Cancel(TurnTask* task) {
  if (task->slot_ == 0) return;
  tasks_[task->slot_ - 1] = nullptr;
  task->slot_ = 0;
}

void EventLoop::DestroyLater(std::unique_ptr<Retirable> object) {
  retired_.push_back(std::move(object));
}

void EventLoop::EndTurn() {
  // Both lists may grow while they are walked.
  while (!tasks_.empty() || !retired_.empty()) {
    for (size_t i = 0; i < tasks_.size(); ++i) {
      TurnTask* task = tasks_[i];
      if (task == nullptr) continue;
      task->slot_ = 0;
      tasks_[i] = nullptr;
      task->OnTurnEnd();
    }
    tasks_.clear();
    // Destroying one object may retire others.
    std::vector<std::unique_ptr<Retirable>> retired = std::exchange(retired_, {});
    retired.clear();
    if (retired_.empty()) retired_ = std::move(retired);  // keeps the capacity
  }
}

std::unique_ptr<Chunk> EventLoop::TakeChunk() {
  // for_overwrite: 16 KiB need no zeros before they are written.
  if (free_chunks_ == nullptr) return std::make_unique_for_overwrite<Chunk>();
  std::unique_ptr<Chunk> chunk = std::move(free_chunks_);
  free_chunks_ = std::move(chunk->next);
  --free_chunk_count_;
  return chunk;
}

void EventLoop::GiveChunk(std::unique_ptr<Chunk> chunk) {
  if (free_chunk_count_ >= kMaxFreeChunks) return;
  chunk->begin = 0;
  chunk->end = 0;
  chunk->next = std::move(free_chunks_);
  free_chunks_ = std::move(chunk);
  ++free_chunk_count_;
}

}  // namespace sallyport::net
