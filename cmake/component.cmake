# component(), program(), benchmark() and fuzzer(): the four kinds of target that a folder declares.

# Our own code links this; generated and foreign code does not.
add_library(options INTERFACE)
target_compile_options(options INTERFACE -fPIE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-missing-field-initializers -Werror
                       $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
target_include_directories(options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
# One definition for the whole build: spdlog and fmt as compiled libraries, Asio without deprecated names.
target_compile_definitions(options INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION)

file(WRITE ${CMAKE_BINARY_DIR}/empty.cc "")
add_library(pch OBJECT ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(pch PRIVATE options fmt::fmt tl::expected)
target_precompile_headers(pch PRIVATE <algorithm> <chrono> <cstdint> <deque> <functional> <map> <memory> <optional>
                          <set> <span> <string> <string_view> <unordered_map> <utility> <variant> <vector>
                          <fmt/format.h> <tl/expected.hpp>)
add_library(pch_test OBJECT ${CMAKE_BINARY_DIR}/empty.cc)
target_link_libraries(pch_test PRIVATE options fmt::fmt tl::expected GTest::gtest)
target_precompile_headers(pch_test PRIVATE <algorithm> <chrono> <deque> <functional> <map> <memory> <optional> <string>
                          <variant> <vector> <fmt/format.h> <tl/expected.hpp> <gtest/gtest.h>)

# component(name SOURCES x.cc... [TESTS x_test.cc...] [USES lower...] [LINKS imported-library...])
# A static library and, from TESTS, one program NAME_test that ctest runs.
function(component name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;TESTS;USES;LINKS")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_USES} fmt::fmt tl::expected ${arg_LINKS} PRIVATE options)
  target_precompile_headers(${name} REUSE_FROM pch)
  if(arg_TESTS AND NOT SYSTOLE_FUZZ)
    add_executable(${name}_test ${arg_TESTS})
    target_link_libraries(${name}_test PRIVATE ${name} options GTest::gmock GTest::gtest_main)
    target_precompile_headers(${name}_test REUSE_FROM pch_test)
    target_compile_definitions(${name}_test PRIVATE SYSTOLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                               SYSTOLE_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
    add_test(NAME ${name}_test COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name}_test PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# program(name SOURCES main.cc... [USES component...] [LINKS imported-library...]): lands in build/PRESET/bin.
function(program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LINKS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_USES} ${arg_LINKS} options fmt::fmt tl::expected)
  target_precompile_headers(${name} REUSE_FROM pch)
endfunction()

# benchmark(name SOURCES x_bench.cc... USES component...): Google Benchmark; run by ./dev bench, never by ctest.
function(microbench name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LINKS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_USES} ${arg_LINKS} options benchmark::benchmark_main)
endfunction()

# fuzzer(name SOURCES x_fuzz.cc USES component...): a libFuzzer target of the fuzz preset, run by ./dev fuzz NAME; in
# all other presets the test NAME_smoke, which feeds it the seeds of tests/corpus/NAME and mutations of them.
add_custom_target(fuzzers)
if(NOT SYSTOLE_FUZZ)
  add_library(fuzz_smoke OBJECT ${PROJECT_SOURCE_DIR}/tests/fuzz_smoke.cc)
  target_link_libraries(fuzz_smoke PRIVATE options fmt::fmt tl::expected GTest::gtest)
  target_precompile_headers(fuzz_smoke REUSE_FROM pch_test)
endif()
function(fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LINKS")
  if(SYSTOLE_FUZZ)
    add_executable(${name} ${arg_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${name})
  else()
    set(corpus ${PROJECT_SOURCE_DIR}/tests/corpus/${name})
    string(APPEND name _smoke)
    add_executable(${name} ${arg_SOURCES})
    target_precompile_headers(${name} REUSE_FROM pch)
    target_link_libraries(${name} PRIVATE fuzz_smoke GTest::gtest)
    add_test(NAME ${name} COMMAND ${name} ${corpus} --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES TIMEOUT 120)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_USES} ${arg_LINKS} options)
endfunction()

# protocol(name FILE x.proto): generated messages (lite runtime) as a library of their own, compiled without our
# warnings; include them as "folder/x.pb.h". List it in LINKS of the component that uses it.
function(protocol name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILE" "")
  get_filename_component(stem ${arg_FILE} NAME_WE)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(out ${PROJECT_BINARY_DIR}/${folder}/${stem}.pb)
  add_custom_command(OUTPUT ${out}.cc ${out}.h
    COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR} --cpp_out=${PROJECT_BINARY_DIR}
            ${folder}/${arg_FILE}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${arg_FILE} VERBATIM)
  add_library(${name} STATIC ${out}.cc ${out}.h)
  target_compile_options(${name} PRIVATE -fPIE -w)
  target_include_directories(${name} SYSTEM PUBLIC ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf-lite)
endfunction()
