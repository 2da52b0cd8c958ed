# cmake -DOUTPUT=FILE -DHEADER=… -DFUNCTION=NAMESPACE::NAME -DTEXTS=A;B… -P EmbedTexts.cmake
# Writes the source of a function that returns the contents of the files, each by the file's name
# without its ending.
string(REGEX MATCH "^(.*)::([A-Za-z]+)$" _ "${FUNCTION}")
set(namespace "${CMAKE_MATCH_1}")
set(name "${CMAKE_MATCH_2}")
set(literals "")
foreach(file IN LISTS TEXTS)
  file(READ "${file}" text)
  if(text MATCHES "\\)embedded\"")
    message(FATAL_ERROR "${file} holds the delimiter of the literal it is put into")
  endif()
  cmake_path(GET file STEM stem)
  string(APPEND literals "    {\"${stem}\", R\"embedded(${text})embedded\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"

#include <array>

namespace ${namespace} {
namespace {

constexpr auto kTexts = std::to_array<EmbeddedText>({
${literals}});

}  // namespace

std::span<const EmbeddedText> ${name}() { return kTexts; }

}  // namespace ${namespace}
")
