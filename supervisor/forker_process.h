#ifndef SALLYPORT_SUPERVISOR_FORKER_PROCESS_H_
#define SALLYPORT_SUPERVISOR_FORKER_PROCESS_H_

#include "supervisor/channel.h"

namespace sallyport::supervisor {

// What the forker does from its own fork to its end; see Forker.
[[noreturn]] void RunForkerProcess(Channel channel);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_FORKER_PROCESS_H_
