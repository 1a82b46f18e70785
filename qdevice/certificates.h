// Certificates of an arbitrator and its clusters: an authority of its own, one certificate for the arbitrator
// (its name is kArbitratorName) and one for each cluster (its name is the cluster's).
#pragma once

#include <memory>
#include <string>

#include "base/ports.h"
#include "base/result.h"

namespace boost::asio::ssl {
class context;
}

namespace systole::qdevice {

inline constexpr const char* kArbitratorName = "Qnetd Server";  // As corosync-qnetd's.

// PEM texts.
struct Credentials {
  std::string authority;    // Whom to believe.
  std::string certificate;  // Our own, and its key.
  std::string key;
};

struct Authority {
  std::string certificate, key;
};
// Errors: kIo, as OpenSSL says.
Result<Authority> make_authority(WallTime now);
Result<Credentials> make_credentials(const Authority& authority, const std::string& name, WallTime now);

// Files of a folder: ca.pem, ca.key (of the authority alone), cert.pem, key.pem. Errors: kNotFound with the
// remedy; kIo.
Result<Credentials> load_credentials(Files& files, const std::string& folder);
Result<Authority> load_authority(Files& files, const std::string& folder);
Result<void> store(Files& files, const std::string& folder, const Credentials& credentials);
Result<void> store(Files& files, const std::string& folder, const Authority& authority);

// For Channel: both sides show a certificate of the authority, TLS 1.2 at least. A client believes only
// kArbitratorName. Errors: kInvalidConfig, naming what is wrong with them.
Result<std::shared_ptr<boost::asio::ssl::context>> server_context(const Credentials& credentials,
                                                                  bool client_certificates);
Result<std::shared_ptr<boost::asio::ssl::context>> client_context(const Credentials& credentials);

}  // namespace systole::qdevice
