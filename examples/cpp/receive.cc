// Receives an Arrow table over a Bowstring channel as sealed messages, without copying it, and prints it or writes it
// as an Arrow stream:
//
//     make PYTHON=../../target/venv/bin/python && ./receive /run/user/1000/bowstring.sock [OUT.arrows]
//
// It does not use the library, as examples/arrow-cpp does: it shows that PROTOCOL.md is enough to write a peer. What is
// said over the socket, and why, is there. Read from Receive() on.

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using arrow::Buffer;
using arrow::Result;
using arrow::Status;

static_assert(std::endian::native == std::endian::little, "the structs below are the datagrams, byte for byte");

enum Kind : uint16_t { kHello = 1, kWelcome, kAttach, kStart, kRefuse, kWake = 16, kMessage, kBye };

struct Prefix {
  std::array<char, 8> magic = {'b', 'o', 'w', 's', 't', 'r', 'n', 'g'};
  uint16_t version = 1;
  uint16_t kind = 0;
  uint32_t length = 0;
};

constexpr uint32_t kSealed = 4;  // the delivery

struct Parameters {  // the content of HELLO and WELCOME; a greeting follows
  Prefix prefix;
  uint64_t features = 0;
  uint32_t process = 0;
  uint32_t observer = 0;
  uint32_t sends = 0;
  uint32_t slots = 0;
  uint64_t slot_bytes = 0;
  uint64_t first_ticket = 0;
  uint32_t pool_is_huge = 0;
  uint32_t accepts_huge = 0;
  uint32_t wants = kSealed;
  uint32_t zero = 0;
  uint64_t largest_pool = 0;
  uint32_t greeting_bytes = 0;
  uint32_t greeting_in_file = 0;
  uint64_t zero_too = 0;
};
static_assert(sizeof(Parameters) == 96);

struct Announcement {
  Prefix prefix;
  uint64_t number;
  uint64_t length;
  uint64_t reply_to;
  uint32_t tag;
  uint32_t skipped;  // messages that this receiver was not given before, for being too slow
};
static_assert(sizeof(Announcement) == 48);

struct Bye {
  Prefix prefix{.kind = kBye, .length = 24};
  uint32_t cut_off = 0;
  uint32_t zero = 0;
};

// A descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

Status Failed(const char* what) { return Status::IOError(what, ": ", std::strerror(errno)); }

// The pages of a file that nobody can change any more, mapped for as long as an array uses one of its bytes.
class FrozenFile : public Buffer {
 public:
  static Result<std::shared_ptr<Buffer>> Map(const Descriptor& file, uint64_t length) {
    constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    const int seals = fcntl(file.get(), F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) return Status::Invalid("the sender's file can still be changed");
    struct stat found;
    if (fstat(file.get(), &found) != 0) return Failed("fstat");
    if (length == 0 || static_cast<uint64_t>(found.st_size) < length) {
      return Status::Invalid("a message of ", length, " bytes in a file of ", found.st_size);
    }
    if (found.st_blocks * 512 < found.st_size) return Status::Invalid("the sender's file has holes");
    void* pages = mmap(nullptr, length, PROT_READ, MAP_SHARED | MAP_POPULATE, file.get(), 0);
    if (pages == MAP_FAILED) return Failed("mmap");
    return std::shared_ptr<Buffer>(new FrozenFile(static_cast<uint8_t*>(pages), static_cast<int64_t>(length)));
  }
  ~FrozenFile() override { munmap(const_cast<uint8_t*>(data()), static_cast<size_t>(size())); }

 private:
  FrozenFile(const uint8_t* pages, int64_t length) : Buffer(pages, length) {}
};

struct Datagram {
  std::string bytes;
  Descriptor file;

  Kind kind() const { return static_cast<Kind>(As<Prefix>().kind); }
  // Its beginning, read as a T. That it is long enough was checked when it came.
  template <class T>
  T As() const {
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
};

// The next datagram of any of the kinds that are due.
Result<Datagram> Hear(const Descriptor& socket, std::initializer_list<Kind> due) {
  Datagram heard;
  heard.bytes.resize(sizeof(Parameters) + (32 << 10));
  iovec bytes{heard.bytes.data(), heard.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_LEN(sizeof(int))> control;  // for one descriptor, where CMSG_SPACE has two
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t length;
  do {
    length = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return Failed("waiting for the sender");
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    heard.file = Descriptor(fd);
  }
  if (length == 0) return Status::IOError("the sender is gone without a good-bye");
  heard.bytes.resize(static_cast<size_t>(length));
  const Prefix model;
  const auto prefix = heard.bytes.size() < sizeof(Prefix) ? Prefix{.version = 0, .kind = 0, .length = 0} : heard.As<Prefix>();
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || prefix.magic != model.magic ||
      prefix.version != model.version || prefix.length != heard.bytes.size()) {
    return Status::Invalid("not a datagram of the protocol");
  }
  if (prefix.kind == kRefuse) {
    return Status::IOError("refused: ", heard.bytes.size() > 24 ? heard.bytes.substr(24) : std::string());
  }
  const size_t least = prefix.kind == kWelcome   ? sizeof(Parameters)
                       : prefix.kind == kMessage ? sizeof(Announcement)
                       : prefix.kind == kBye     ? sizeof(Bye)
                                                 : sizeof(Prefix);
  const bool may_have_file = prefix.kind == kWelcome || prefix.kind == kMessage;
  for (const Kind kind : due) {
    if (kind == prefix.kind && heard.bytes.size() >= least && heard.file.open() <= may_have_file) return heard;
  }
  return Status::Invalid("a datagram of kind ", prefix.kind, " and ", length, " bytes out of turn");
}

template <class T>
Status Say(const Descriptor& socket, const T& datagram) {
  const ssize_t sent = send(socket.get(), &datagram, sizeof datagram, MSG_NOSIGNAL);
  return sent == sizeof datagram ? Status::OK() : Failed("sending");
}

Result<Descriptor> Connect(std::string_view path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path) return Status::Invalid("a path too long for a socket");
  path.copy(address.sun_path, path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Failed("connecting");
  }
  ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return Failed("SO_PEERCRED");
  if (peer.uid != geteuid()) return Status::Invalid("the sender runs as user ", peer.uid);
  return socket;
}

void GiveUpAfter(const Descriptor& socket, time_t seconds) {
  const timeval patience{.tv_sec = seconds, .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

// Asks for sealed messages; answers with the sender's greeting.
Result<std::shared_ptr<Buffer>> Meet(const Descriptor& socket) {
  GiveUpAfter(socket, 2);
  const Parameters hello{.prefix = {.kind = kHello, .length = sizeof(Parameters)}, .process = static_cast<uint32_t>(getpid())};
  ARROW_RETURN_NOT_OK(Say(socket, hello));
  ARROW_ASSIGN_OR_RAISE(auto heard, Hear(socket, {kWelcome}));
  const auto welcome = heard.As<Parameters>();
  const bool in_file = welcome.greeting_in_file != 0;
  if (welcome.sends != kSealed) return Status::Invalid("the sender chose a delivery that was not asked for");
  if (in_file != heard.file.open() || (!in_file && welcome.greeting_bytes != heard.bytes.size() - sizeof(Parameters))) {
    return Status::Invalid("the greeting is not where the sender says");
  }
  std::shared_ptr<Buffer> greeting;
  if (in_file) {
    ARROW_ASSIGN_OR_RAISE(greeting, FrozenFile::Map(heard.file, welcome.greeting_bytes));
  } else {
    greeting = Buffer::FromString(heard.bytes.substr(sizeof(Parameters)));
  }
  ARROW_RETURN_NOT_OK(Say(socket, Prefix{.kind = kAttach, .length = sizeof(Prefix)}));
  ARROW_RETURN_NOT_OK(Hear(socket, {kStart}));
  GiveUpAfter(socket, 0);
  return greeting;
}

// The messages, for Arrow's stream reader: first the schema from the greeting, then what the sender sends.
class Channel : public arrow::ipc::MessageReader {
 public:
  Channel(Descriptor socket, std::shared_ptr<Buffer> greeting)
      : socket_(std::move(socket)), greeting_(std::move(greeting)) {}

  // Tells the sender that this receiver leaves and did not crash.
  ~Channel() override { (void)Say(socket_, Bye()); }

  // Nothing once the sender has sent everything.
  Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    if (greeting_ != nullptr) return Read(std::exchange(greeting_, nullptr));
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(auto heard, Hear(socket_, {kMessage, kBye, kWake}));
      if (heard.kind() == kWake) continue;
      if (heard.kind() == kBye) {
        if (heard.As<Bye>().cut_off != 0) return Status::IOError("cut off for being too slow");
        return nullptr;
      }
      const auto said = heard.As<Announcement>();
      if (!heard.file.open()) return Status::Invalid("message ", said.number, " came without its file");
      if (said.number <= last_) return Status::Invalid("message ", said.number, " after ", last_);
      if (said.skipped != skipped_) {
        std::cerr << "too slow: " << said.skipped - skipped_ << " messages were not given to this receiver\n";
      }
      last_ = said.number;
      skipped_ = said.skipped;
      ARROW_ASSIGN_OR_RAISE(auto file, FrozenFile::Map(heard.file, said.length));
      return Read(std::move(file));
    }
  }

 private:
  static Result<std::unique_ptr<arrow::ipc::Message>> Read(std::shared_ptr<Buffer> bytes) {
    arrow::io::BufferReader reader(std::move(bytes));  // which hands out slices
    return arrow::ipc::ReadMessage(&reader);
  }

  Descriptor socket_;
  std::shared_ptr<Buffer> greeting_;
  uint64_t last_ = 0;
  uint32_t skipped_ = 0;
};

Result<std::shared_ptr<arrow::RecordBatchReader>> Receive(std::string_view path) {
  ARROW_ASSIGN_OR_RAISE(auto socket, Connect(path));
  ARROW_ASSIGN_OR_RAISE(auto greeting, Meet(socket));
  return arrow::ipc::RecordBatchStreamReader::Open(
      std::make_unique<Channel>(std::move(socket), std::move(greeting)));
}

// Whether a buffer's bytes are those of a file that the sender made.
bool InPlace(const Buffer& buffer) {
  const Buffer* origin = &buffer;
  while (origin->parent() != nullptr) origin = origin->parent().get();
  return dynamic_cast<const FrozenFile*>(origin) != nullptr && buffer.address() >= origin->address() &&
         buffer.address() + buffer.size() <= origin->address() + origin->size();
}

struct Tally {
  int64_t rows = 0, batches = 0, buffers = 0, in_place = 0;

  void Count(const arrow::ArrayData& data) {
    for (const auto& buffer : data.buffers) {
      if (buffer == nullptr || buffer->size() == 0) continue;
      ++buffers;
      in_place += InPlace(*buffer);
    }
    for (const auto& child : data.child_data) Count(*child);
    if (data.dictionary != nullptr) Count(*data.dictionary);
  }
};

Status Run(std::string_view path, const char* out) {
  ARROW_ASSIGN_OR_RAISE(auto reader, Receive(path));
  std::shared_ptr<arrow::io::FileOutputStream> file;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  if (out != nullptr) {
    ARROW_ASSIGN_OR_RAISE(file, arrow::io::FileOutputStream::Open(out));
    ARROW_ASSIGN_OR_RAISE(writer, arrow::ipc::MakeStreamWriter(file, reader->schema()));
  }
  Tally tally;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader->Next());
    if (batch == nullptr) break;
    // The bytes can never change, but nobody has said yet that they make sense.
    ARROW_RETURN_NOT_OK(batch->ValidateFull());
    ++tally.batches;
    tally.rows += batch->num_rows();
    for (const auto& column : batch->columns()) tally.Count(*column->data());
    if (writer != nullptr) {
      ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    } else {
      std::cout << batch->ToString() << '\n';
    }
  }
  if (writer != nullptr) {
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_RETURN_NOT_OK(file->Close());
  }
  std::cerr << tally.rows << " rows, " << tally.batches << " batches, " << tally.in_place << " of " << tally.buffers
            << " buffers read where the sender wrote them\n";
  return Status::OK();
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: receive SOCKET [OUT.arrows]\n";
    return 2;
  }
  const Status status = Run(argv[1], argc == 3 ? argv[2] : nullptr);
  if (!status.ok()) std::cerr << "receive: " << status.ToString() << '\n';
  return status.ok() ? 0 : 1;
}
