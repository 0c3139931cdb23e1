# Build rules shared by all rooms: flags, room libraries, their tests and fuzz targets.
include_guard()

add_library(b3_flags INTERFACE)
target_include_directories(b3_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(b3_flags INTERFACE
  B3_VERSION="${PROJECT_VERSION}" BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_REGEX
  BOOST_ASIO_DISABLE_BOOST_DATE_TIME FMT_ENFORCE_COMPILE_STRING=0)
target_compile_options(b3_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wimplicit-fallthrough
  -fno-omit-frame-pointer)
if(B3_WERROR)
  target_compile_options(b3_flags INTERFACE -Werror)
endif()
if(B3_SANITIZE)
  target_compile_options(b3_flags INTERFACE -fsanitize=${B3_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(b3_flags INTERFACE -fsanitize=${B3_SANITIZE})
endif()
if(B3_COVERAGE)
  target_compile_options(b3_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(b3_flags INTERFACE -fprofile-instr-generate)
endif()
if(B3_FUZZ)
  target_compile_options(b3_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_link_options(b3_flags INTERFACE -fuse-ld=lld)


# b3_room(name ROOMS ... LIBS ...): src/<name>/*.cpp become the static library b3_<name>;
# *_test.cpp become <name>_test (run by ctest); *_fuzz.cpp become fuzz targets and, in every
# build, a replay of fuzz/<target>/ through the same function.
function(b3_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cpp$")
  if(NOT sources)
    file(WRITE ${CMAKE_BINARY_DIR}/empty/${name}.cpp "")
    set(sources ${CMAKE_BINARY_DIR}/empty/${name}.cpp)
  endif()
  add_library(b3_${name} STATIC ${sources})
  target_link_libraries(b3_${name} PUBLIC b3_flags ${ROOM_LIBS})
  foreach(room ${ROOM_ROOMS})
    target_link_libraries(b3_${name} PUBLIC b3_${room})
  endforeach()
  if(tests AND NOT B3_FUZZ)
    add_executable(${name}_test ${tests} ${CMAKE_SOURCE_DIR}/cmake/test_main.cpp)
    target_link_libraries(${name}_test PRIVATE b3_${name} doctest::doctest)
    add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  foreach(fuzzer ${fuzzers})
    get_filename_component(target ${fuzzer} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" corpus ${target})
    if(B3_FUZZ)
      add_executable(${target} ${fuzzer})
      target_link_libraries(${target} PRIVATE b3_${name})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${target}_replay ${fuzzer} ${CMAKE_SOURCE_DIR}/cmake/replay_main.cpp)
      target_link_libraries(${target}_replay PRIVATE b3_${name})
      add_test(NAME ${target}_replay
        COMMAND ${target}_replay ${CMAKE_SOURCE_DIR}/fuzz/${corpus})
    endif()
  endforeach()
endfunction()

# b3_program(name room): src/<room>/main.cpp linked with its room.
function(b3_program name room)
  if(B3_FUZZ OR NOT EXISTS ${CMAKE_SOURCE_DIR}/src/${room}/main.cpp)
    return()
  endif()
  add_executable(${name} ${CMAKE_SOURCE_DIR}/src/${room}/main.cpp)
  target_link_libraries(${name} PRIVATE b3_${room} CLI11::CLI11)
endfunction()

enable_testing()
