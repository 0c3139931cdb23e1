#include "view/document.h"

#include <fmt/format.h>
#include <zdict.h>
#include <zstd.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace b3::view {
namespace {

// Above this one packing takes several times as long for the last few percent.
constexpr int level = 4;

// Enough for the header and the tables of codes that come before a dictionary's text.
constexpr std::size_t room_for_codes = 4096;

// ZSTD_MAGICNUMBER, little-endian: the same in every frame, so that none is kept with it.
constexpr std::string_view magic = "\x28\xb5\x2f\xfd";

enum class Form : char { as_it_is, compressed, compressed_with_marks };

// Known texts stand as one of these in what is compressed. XML can not hold them.
constexpr std::string_view marks = "\x01\x02\x03";
constexpr std::size_t shortest_marked = 6;

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

template <class T>
T* made(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

std::size_t checked(std::size_t result) {
  if (ZSTD_isError(result)) {
    throw std::runtime_error(fmt::format("packing documents: {}", ZSTD_getErrorName(result)));
  }
  return result;
}

// The dictionary's text and, learned from the samples, codes for what is not in it: documents are
// so short that codes of their own would take a seventh of each.
std::string make_dictionary() {
  const auto text = document_dictionary();
  std::string samples;
  std::vector<std::size_t> sizes;
  for (const auto& sample : document_samples()) {
    samples += sample;
    sizes.push_back(sample.size());
  }
  const ZDICT_params_t parameters{.compressionLevel = level, .notificationLevel = 0, .dictID = 0};
  std::string dictionary(text.size() + room_for_codes, '\0');
  dictionary.resize(checked(
      ZDICT_finalizeDictionary(dictionary.data(), dictionary.size(), text.data(), text.size(),
                               samples.data(), sizes.data(), unsigned(sizes.size()), parameters)));
  return dictionary;
}

// Made once, in some milliseconds; read by any thread.
const std::string& dictionary() {
  static const std::string once = make_dictionary();
  return once;
}

const ZSTD_CDict* packing_dictionary() {
  static const std::unique_ptr<ZSTD_CDict, Freeing<ZSTD_freeCDict>> once{
      made(ZSTD_createCDict(dictionary().data(), dictionary().size(), level))};
  return once.get();
}

const ZSTD_DDict* unpacking_dictionary() {
  static const std::unique_ptr<ZSTD_DDict, Freeing<ZSTD_freeDDict>> once{
      made(ZSTD_createDDict(dictionary().data(), dictionary().size()))};
  return once.get();
}

ZSTD_CCtx* packing_context() {
  thread_local const auto context = [] {
    std::unique_ptr<ZSTD_CCtx, Freeing<ZSTD_freeCCtx>> fresh{made(ZSTD_createCCtx())};
    // There is one dictionary: its number would be four more bytes in every document.
    checked(ZSTD_CCtx_setParameter(fresh.get(), ZSTD_c_dictIDFlag, 0));
    checked(ZSTD_CCtx_refCDict(fresh.get(), packing_dictionary()));
    return fresh;
  }();
  return context.get();
}

ZSTD_DCtx* unpacking_context() {
  thread_local const auto context = [] {
    std::unique_ptr<ZSTD_DCtx, Freeing<ZSTD_freeDCtx>> fresh{made(ZSTD_createDCtx())};
    checked(ZSTD_DCtx_refDDict(fresh.get(), unpacking_dictionary()));
    return fresh;
  }();
  return context.get();
}

// `form` and a frame (RFC 8878, section 3.1.1) without its magic number.
std::string compress(std::string_view document, Form form) {
  std::string packed(ZSTD_compressBound(document.size()), '\0');
  packed.resize(checked(ZSTD_compress2(packing_context(), packed.data(), packed.size(),
                                       document.data(), document.size())));
  packed.erase(0, magic.size() - 1);
  packed.front() = char(form);
  return packed;
}

std::string decompress(std::string_view content) {
  const auto frame = std::string(magic).append(content);
  const auto size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    throw std::logic_error("a document in memory is damaged");
  }
  std::string text(size, '\0');
  const auto got = ZSTD_decompressDCtx(unpacking_context(), text.data(), text.size(), frame.data(),
                                       frame.size());
  if (ZSTD_isError(got) || got != size) {
    throw std::logic_error("a document in memory is damaged");
  }
  return text;
}

bool is_marked(std::string_view known) {
  return known.size() >= shortest_marked;
}

// False when nothing could be replaced.
bool put_marks(std::string& text, const KnownTexts& known) {
  if (text.find_first_of(marks) != std::string::npos) return false;
  bool any = false;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (!is_marked(known[i])) continue;
    auto at = text.find(known[i]);
    if (at == std::string::npos) continue;
    any = true;
    // In one pass: a tenant can make thousands of matches.
    std::string marked;
    marked.reserve(text.size());
    std::size_t from = 0;
    for (; at != std::string::npos; at = text.find(known[i], from)) {
      marked.append(text, from, at - from) += marks[i];
      from = at + known[i].size();
    }
    text = marked.append(text, from);
  }
  return any;
}

std::string replace_marks(std::string_view text, const KnownTexts& known) {
  std::string document;
  for (;;) {
    const auto at = text.find_first_of(marks);
    document += text.substr(0, at);
    if (at == std::string_view::npos) return document;
    document += known[marks.find(text[at])];
    text.remove_prefix(at + 1);
  }
}

}  // namespace

std::string pack_document(std::string_view document, const KnownTexts& known) {
  if (document.empty()) return {};
  std::string text{document};
  const auto form = put_marks(text, known) ? Form::compressed_with_marks : Form::compressed;
  auto packed = compress(text, form);
  return packed.size() <= document.size() ? packed : keep_document(document);
}

std::string keep_document(std::string_view document) {
  if (document.empty()) return {};
  return std::string(1, char(Form::as_it_is)).append(document);
}

std::string unpack_document(std::string_view packed, const KnownTexts& known) {
  if (packed.empty()) return {};
  const auto form = Form(packed.front());
  const auto content = packed.substr(1);
  if (form == Form::as_it_is) return std::string(content);
  auto text = decompress(content);
  return form == Form::compressed_with_marks ? replace_marks(text, known) : text;
}

}  // namespace b3::view
