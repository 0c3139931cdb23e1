// For tests only: a throw-away certificate authority and server certificates, made by openssl(1).
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace b3::http::testing {

class TlsFiles {
 public:
  TlsFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "b3-tls-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = name;
    run("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority"
        " -keyout ca.key -out ca.pem");
    sign("localhost", "DNS:localhost,IP:127.0.0.1");
    sign("other", "DNS:other.example.org");
  }
  ~TlsFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  TlsFiles(const TlsFiles&) = delete;
  TlsFiles& operator=(const TlsFiles&) = delete;

  // "ca.pem", "localhost.pem", "localhost.key", "other.pem", "other.key"
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

 private:
  void sign(const std::string& name, const std::string& alternatives) {
    run("openssl req -newkey rsa:2048 -nodes -subj /CN=" + name + " -keyout " + name +
        ".key -out " + name + ".csr");
    run("printf 'subjectAltName=" + alternatives + "' > " + name +
        ".ext && openssl x509 -req -in " + name +
        ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile " + name + ".ext -out " +
        name + ".pem");
  }
  void run(const std::string& command) const {
    const std::string line = "cd " + directory_.string() + " && { " + command + "; } 2>/dev/null";
    if (std::system(line.c_str()) != 0) throw std::runtime_error("failed: " + command);
  }

  std::filesystem::path directory_;
};

}  // namespace b3::http::testing
