#include "blocked.h"
