// A driver without a device: as much of libcuda as crates/gpu calls, over memory of the host and the kernels of kernels/host.cpp. It is
// stricter than a real one: what is asynchronous happens at the next wait and no sooner, every address must be within memory that was
// taken, and while a stream is captured nothing else may be called.
//
// DRIVER_MEMORY: bytes of the device. DRIVER_LOST_AFTER: how many launches of graphs succeed. DRIVER_CAPABILITY: 80 by default.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

extern "C" int pg_recommend_launch(const char *name, unsigned x, unsigned y, unsigned threads, size_t shared, const void *args);

namespace {
enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, NOT_FOUND = 500, LAUNCH_FAILED = 719, CAPTURE_UNSUPPORTED = 900 };

using Work = std::vector<std::function<int()>>;

struct Module {
    std::string ptx;
};
struct Function {
    std::string name;
    size_t size;
};
struct Stream {
    Work pending;
    bool capturing = false;
    std::unique_ptr<Work> captured;
};

std::map<uint64_t, size_t> device, pinned;
std::vector<std::unique_ptr<Function>> functions;
Stream stream;
void *current;
int context;
bool lost;
long graphs;

long setting(const char *name, long otherwise) {
    const char *value = std::getenv(name);
    return value ? std::atol(value) : otherwise;
}

size_t used() {
    size_t sum = 0;
    for (auto &block : device)
        sum += block.second;
    return sum;
}

bool within(const std::map<uint64_t, size_t> &blocks, uint64_t address, size_t bytes) {
    auto next = blocks.upper_bound(address);
    if (next == blocks.begin())
        return false;
    auto block = std::prev(next);
    return address + bytes <= block->first + block->second;
}

// Whether a call may be made now.
int ready() {
    if (lost)
        return LAUNCH_FAILED;
    if (current != &context)
        return INVALID_VALUE;
    return stream.capturing ? CAPTURE_UNSUPPORTED : OK;
}

int enqueue(std::function<int()> work) {
    if (lost)
        return LAUNCH_FAILED;
    (stream.capturing ? *stream.captured : stream.pending).push_back(std::move(work));
    return OK;
}

int drain() {
    Work work;
    work.swap(stream.pending);
    for (auto &one : work)
        if (int code = one()) {
            lost = true;
            return code;
        }
    return OK;
}
} // namespace

extern "C" {
int cuInit(unsigned) { return OK; }
int cuDeviceGet(int *handle, int ordinal) { return *handle = ordinal, ordinal == 0 ? OK : NO_DEVICE; }
int cuDeviceGetName(char *name, int length, int) { return std::snprintf(name, length, "stub"), OK; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
    const long capability = setting("DRIVER_CAPABILITY", 80);
    // Compute capability, major and minor; multiprocessors; memory pools.
    *value = static_cast<int>(attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : attribute == 16 ? 2 : 0);
    return OK;
}
int cuDevicePrimaryCtxRetain(void **handle, int) { return *handle = &context, OK; }
int cuDevicePrimaryCtxRelease_v2(int) { return OK; }
int cuCtxSetCurrent(void *handle) { return current = handle, OK; }
int cuCtxGetCurrent(void **handle) { return *handle = current, OK; }
int cuCtxSynchronize() {
    int code = ready();
    return code ? code : drain();
}
int cuModuleLoadData(void **handle, const void *text) {
    *handle = new Module{static_cast<const char *>(text)};
    return ready();
}
int cuModuleUnload(void *handle) { return delete static_cast<Module *>(handle), OK; }
int cuModuleGetFunction(void **handle, void *module, const char *name) {
    const std::string &ptx = static_cast<Module *>(module)->ptx, parameter = std::string(name) + "_param_0[";
    size_t at = ptx.find(parameter);
    if (at == std::string::npos || ptx.find(std::string(name) + "_param_1") != std::string::npos)
        return NOT_FOUND;
    functions.push_back(std::make_unique<Function>(Function{name, std::stoul(ptx.substr(at + parameter.size()))}));
    *handle = functions.back().get();
    return ready();
}
int cuStreamCreate(void **handle, unsigned flags) { return *handle = &stream, flags == 1 ? ready() : INVALID_VALUE; }
int cuStreamDestroy_v2(void *) { return OK; }
int cuStreamSynchronize(void *) {
    int code = ready();
    return code ? code : drain();
}
int cuStreamBeginCapture_v2(void *, int) {
    int code = ready();
    stream.captured = std::make_unique<Work>();
    stream.capturing = true;
    return code;
}
int cuStreamEndCapture(void *, void **graph) {
    *graph = stream.captured.release();
    stream.capturing = false;
    return *graph ? OK : INVALID_VALUE;
}
int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long) {
    *exec = new Work(*static_cast<Work *>(graph));
    return ready();
}
int cuGraphLaunch(void *exec, void *) {
    if (int code = ready())
        return code;
    const long lost_after = setting("DRIVER_LOST_AFTER", -1);
    if (lost_after >= 0 && graphs++ >= lost_after)
        return lost = true, LAUNCH_FAILED;
    const Work &work = *static_cast<Work *>(exec);
    stream.pending.insert(stream.pending.end(), work.begin(), work.end());
    return OK;
}
int cuGraphExecDestroy(void *exec) { return delete static_cast<Work *>(exec), OK; }
int cuGraphDestroy(void *graph) { return delete static_cast<Work *>(graph), OK; }
int cuMemGetInfo_v2(size_t *free, size_t *total) {
    *total = setting("DRIVER_MEMORY", 1 << 30);
    *free = *total - used();
    return ready();
}
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
    if (int code = ready())
        return code;
    if (bytes == 0)
        return INVALID_VALUE;
    if (used() + bytes > static_cast<size_t>(setting("DRIVER_MEMORY", 1 << 30)))
        return OUT_OF_MEMORY;
    void *block = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    std::memset(block, 0xa5, bytes);
    *address = reinterpret_cast<uint64_t>(block);
    device[*address] = bytes;
    return OK;
}
int cuMemFree_v2(uint64_t address) {
    if (!stream.pending.empty() || stream.capturing || device.erase(address) != 1)
        return INVALID_VALUE;
    std::free(reinterpret_cast<void *>(address));
    return OK;
}
int cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
    *pointer = std::malloc(bytes);
    pinned[reinterpret_cast<uint64_t>(*pointer)] = bytes;
    return ready();
}
int cuMemFreeHost(void *pointer) {
    if (pinned.erase(reinterpret_cast<uint64_t>(pointer)) != 1)
        return INVALID_VALUE;
    std::free(pointer);
    return OK;
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *) {
    return enqueue([=] { return within(device, to, bytes) ? (std::memset(reinterpret_cast<void *>(to), value, bytes), OK) : LAUNCH_FAILED; });
}
// Within a graph only pinned memory stays what it was.
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
    if (stream.capturing && !within(pinned, reinterpret_cast<uint64_t>(from), bytes))
        return INVALID_VALUE;
    return enqueue([=] { return within(device, to, bytes) ? (std::memcpy(reinterpret_cast<void *>(to), from, bytes), OK) : LAUNCH_FAILED; });
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
    if (stream.capturing && !within(pinned, reinterpret_cast<uint64_t>(to), bytes))
        return INVALID_VALUE;
    return enqueue([=] { return within(device, from, bytes) ? (std::memcpy(to, reinterpret_cast<void *>(from), bytes), OK) : LAUNCH_FAILED; });
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
    return enqueue([=] {
        bool sound = within(device, to, bytes) && within(device, from, bytes);
        return sound ? (std::memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes), OK) : LAUNCH_FAILED;
    });
}
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz, unsigned shared, void *,
                   void **parameters, void **) {
    const Function &kernel = *static_cast<Function *>(function);
    if (x == 0 || y == 0 || y > 65535 || z != 1 || tx == 0 || tx > 1024 || ty != 1 || tz != 1 || shared > 48 << 10)
        return INVALID_VALUE;
    const char *bytes = static_cast<const char *>(parameters[0]);
    std::vector<char> args(bytes, bytes + kernel.size);
    return enqueue([=] { return pg_recommend_launch(kernel.name.c_str(), x, y, tx, shared, args.data()) ? LAUNCH_FAILED : OK; });
}
int cuGetErrorName(int, const char **text) { return *text = "stub", OK; }
int cuGetErrorString(int, const char **text) { return *text = "an error of the stub", OK; }
}
