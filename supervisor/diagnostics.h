#ifndef SALLYPORT_SUPERVISOR_DIAGNOSTICS_H_
#define SALLYPORT_SUPERVISOR_DIAGNOSTICS_H_

#include <string_view>

namespace sallyport::supervisor {

// Tells the user, on stderr and whatever the log level, why the program ends: each line of
// `message` after "sallyport: ".
void PrintFailure(std::string_view message);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_DIAGNOSTICS_H_
