/*
 * Preloaded into workerd: counts its fsync and fdatasync in the first eight bytes of the file SYNCS_FILE, and makes each
 * take SYNCS_MS milliseconds longer, as on a slower disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t *count;
static struct timespec pause_for;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SYNCS_FILE");
  const char *ms = getenv("SYNCS_MS");
  if (path != NULL) {
    int file = open(path, O_RDWR);
    if (file >= 0) {
      void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      if (page != MAP_FAILED) count = page;
      close(file);
    }
  }
  if (ms != NULL) {
    double seconds = atof(ms) / 1000;
    pause_for.tv_sec = (time_t)seconds;
    pause_for.tv_nsec = (long)((seconds - (double)pause_for.tv_sec) * 1e9);
  }
}

static int sync_by(const char *name, int file) {
  if (count != NULL) atomic_fetch_add(count, 1);
  if (pause_for.tv_sec != 0 || pause_for.tv_nsec != 0) nanosleep(&pause_for, NULL);
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return sync_by("fsync", file); }

int fdatasync(int file) { return sync_by("fdatasync", file); }
