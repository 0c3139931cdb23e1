#include "view/document.h"

#include <zstd.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace b3::view {
namespace {

// Above this one packing takes several times as long for the last few percent.
constexpr int level = 4;

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

// Made once; read by any thread.
const ZSTD_CDict* packing_dictionary() {
  static const std::unique_ptr<ZSTD_CDict, Freeing<ZSTD_freeCDict>> dictionary{
      made(ZSTD_createCDict(document_dictionary().data(), document_dictionary().size(), level))};
  return dictionary.get();
}

const ZSTD_DDict* unpacking_dictionary() {
  static const std::unique_ptr<ZSTD_DDict, Freeing<ZSTD_freeDDict>> dictionary{
      made(ZSTD_createDDict(document_dictionary().data(), document_dictionary().size()))};
  return dictionary.get();
}

std::size_t compress(std::string& packed, std::string_view document) {
  thread_local const std::unique_ptr<ZSTD_CCtx, Freeing<ZSTD_freeCCtx>> context{
      made(ZSTD_createCCtx())};
  packed.resize(1 + ZSTD_compressBound(document.size()));
  return ZSTD_compress_usingCDict(context.get(), packed.data() + 1, packed.size() - 1,
                                  document.data(), document.size(), packing_dictionary());
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

std::string decompress(std::string_view content) {
  thread_local const std::unique_ptr<ZSTD_DCtx, Freeing<ZSTD_freeDCtx>> context{
      made(ZSTD_createDCtx())};
  const auto size = ZSTD_getFrameContentSize(content.data(), content.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    throw std::logic_error("a document in memory is damaged");
  }
  std::string text(size, '\0');
  const auto got =
      ZSTD_decompress_usingDDict(context.get(), text.data(), text.size(), content.data(),
                                 content.size(), unpacking_dictionary());
  if (ZSTD_isError(got) || got != size) {
    throw std::logic_error("a document in memory is damaged");
  }
  return text;
}

}  // namespace

std::string pack_document(std::string_view document, const KnownTexts& known) {
  std::string packed;
  if (document.empty()) return packed;
  std::string text{document};
  const auto form = put_marks(text, known) ? Form::compressed_with_marks : Form::compressed;
  const auto size = compress(packed, text);
  if (ZSTD_isError(size) || size >= document.size()) {
    packed.assign(1, char(Form::as_it_is));
    packed += document;
    return packed;
  }
  packed.resize(1 + size);
  packed.front() = char(form);
  return packed;
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
