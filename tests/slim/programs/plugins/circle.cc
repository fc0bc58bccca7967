#include <stdexcept>
extern "C" double area(double) { throw std::domain_error("no pi"); }
