// Runs the kernels on the host, for tests and for the simulated device; nothing of it is in a release.
#define KERNELS_ON_HOST
#include "batch.cu"
#include "merge.cu"
#include "rerank.cu"
#include "scan.cu"

#include <csetjmp>
#include <memory>
#include <ucontext.h>

namespace host {
thread_local Thread *self;
thread_local dim3 block_place, block_size, grid_size;

namespace {
constexpr size_t STACK = 64 << 10;

enum State { READY, AT_BLOCK, AT_WARP, DONE };

struct Fiber {
    Thread thread;
    State state;
    bool begun;
    jmp_buf place;
    ucontext_t context;
    std::unique_ptr<char[]> stack;
};

struct Block {
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::vector<Shown> shown; // two for each thread, the second half for odd turns
    std::vector<unsigned long long> shared;
    jmp_buf scheduler;
    ucontext_t origin;
    Fiber *running;
    std::function<void()> body;
};
thread_local Block *block;

void enter() {
    block->body();
    block->running->state = DONE;
    _longjmp(block->scheduler, 1);
}

void wait(State state) {
    Fiber *fiber = block->running;
    fiber->state = state;
    if (_setjmp(fiber->place) == 0)
        _longjmp(block->scheduler, 1);
}

void resume(Fiber *fiber) {
    block->running = fiber;
    self = &fiber->thread;
    if (_setjmp(block->scheduler) != 0)
        return;
    if (fiber->begun)
        _longjmp(fiber->place, 1);
    fiber->begun = true;
    swapcontext(&block->origin, &fiber->context);
}

// Lets those go on that all others of the warp or the block have caught up with; false if nobody can.
bool release() {
    bool released = false;
    const size_t threads = block_size.x;
    for (size_t warp = 0; warp < threads; warp += 32) {
        size_t waiting = 0;
        for (size_t i = warp; i < warp + 32; i++)
            waiting += block->fibers[i]->state == AT_WARP;
        if (waiting == 32) {
            for (size_t i = warp; i < warp + 32; i++)
                block->fibers[i]->state = READY;
            released = true;
        }
    }
    if (released)
        return true;
    size_t waiting = 0, done = 0;
    for (size_t i = 0; i < threads; i++) {
        waiting += block->fibers[i]->state == AT_BLOCK;
        done += block->fibers[i]->state == DONE;
    }
    if (waiting == 0 || waiting + done != threads)
        return false;
    for (size_t i = 0; i < threads; i++)
        if (block->fibers[i]->state == AT_BLOCK)
            block->fibers[i]->state = READY;
    return true;
}

// Runs a block; false if its threads wait for different things.
bool run_block(bool backwards) {
    const size_t threads = block_size.x;
    for (size_t i = 0; i < threads; i++) {
        Fiber &fiber = *block->fibers[i];
        fiber.thread = Thread{{static_cast<unsigned>(i), 0, 0}, 0, 0, {}};
        fiber.state = READY;
        fiber.begun = false;
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, enter, 0);
    }
    while (true) {
        for (size_t i = 0; i < threads; i++) {
            Fiber *fiber = block->fibers[backwards ? threads - 1 - i : i].get();
            if (fiber->state == READY)
                resume(fiber);
        }
        bool done = true;
        for (size_t i = 0; i < threads; i++)
            done = done && block->fibers[i]->state == DONE;
        if (done)
            return true;
        if (!release())
            return false;
    }
}
} // namespace

void *dynamic_shared() { return block->shared.data(); }

void wait_for_block() { wait(AT_BLOCK); }

const Shown *exchange(const Shown &own) {
    const size_t threads = block_size.x, turn = self->turn++ % 2;
    block->shown[turn * threads + self->place.x] = own;
    wait(AT_WARP);
    return &block->shown[turn * threads + self->place.x / 32 * 32];
}

void wait_for_copies(unsigned left) {
    std::vector<Copy> rest;
    for (const Copy &copy : self->copies) {
        if (copy.group + left >= self->group)
            rest.push_back(copy);
        else if (copy.there)
            std::memcpy(copy.to, copy.from, 16);
        else
            std::memset(copy.to, 0, 16);
    }
    self->copies = rest;
}

bool launch(dim3 grid, unsigned threads, size_t shared, const std::function<void()> &body) {
    Block own;
    own.body = body;
    own.shown.resize(2 * threads);
    for (unsigned i = 0; i < threads; i++) {
        own.fibers.push_back(std::make_unique<Fiber>());
        own.fibers.back()->stack.reset(new char[STACK]);
    }
    block = &own;
    block_size = {threads, 1, 1};
    grid_size = grid;
    for (unsigned y = 0; y < grid.y; y++) {
        for (unsigned x = 0; x < grid.x; x++) {
            block_place = {x, y, 0};
            own.shared.assign(shared / 8 + 2, 0xa5a5a5a5a5a5a5a5ull);
            if (!run_block((x + y) % 2 == 1))
                return false;
        }
    }
    return true;
}
} // namespace host

// Runs the kernel of that name with its structure of arguments; 0 if done, 1 without such a kernel, 2 if its threads wait for different things.
extern "C" int pg_recommend_launch(const char *name, unsigned grid_x, unsigned grid_y, unsigned threads, size_t shared, const void *args) {
    std::function<void()> body;
#define ENTRY(kernel, Args)                                   \
    if (std::strcmp(name, #kernel) == 0)                      \
        body = [args] { kernel(*static_cast<const Args *>(args)); };
    ENTRY(scan_f32_1, ScanArgs)
    ENTRY(scan_f32_4, ScanArgs)
    ENTRY(scan_f16_1, ScanArgs)
    ENTRY(scan_f16_4, ScanArgs)
    ENTRY(scan_i8_1, ScanArgs)
    ENTRY(scan_i8_4, ScanArgs)
    ENTRY(batch_f16, ScanArgs)
    ENTRY(merge, MergeArgs)
    ENTRY(rerank, RerankArgs)
    if (!body || threads % 32 != 0)
        return 1;
    return host::launch({grid_x, grid_y, 1}, threads, shared, body) ? 0 : 2;
}
