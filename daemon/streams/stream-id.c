#include "stream-id.h"
