#include "postgres.h"
#include "src/page.h"
void rw_pages_init(void) {}
RwPage *rw_page_make(const RwRequest *request) { return NULL; }
void rw_page_release(RwPage *page) {}
