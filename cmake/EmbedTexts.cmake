# cmake -DOUTPUT=FILE -DHEADER=… -DFUNCTION=NAMESPACE::NAME -DTEXTS=A;B… -P EmbedTexts.cmake
# Writes the source of a function that returns the contents of the files.
string(REGEX MATCH "^(.*)::([A-Za-z]+)$" _ "${FUNCTION}")
set(namespace "${CMAKE_MATCH_1}")
set(name "${CMAKE_MATCH_2}")
set(literals "")
foreach(file IN LISTS TEXTS)
  file(READ "${file}" text)
  if(text MATCHES "\\)embedded\"")
    message(FATAL_ERROR "${file} holds the delimiter of the literal it is put into")
  endif()
  string(APPEND literals "    R\"embedded(${text})embedded\",\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"

#include <array>

namespace ${namespace} {
namespace {

constexpr auto kTexts = std::to_array<std::string_view>({
${literals}});

}  // namespace

std::span<const std::string_view> ${name}() { return kTexts; }

}  // namespace ${namespace}
")
