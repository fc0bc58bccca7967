// Loads each library in a folder beside it; what one throws is caught here.
#include <dirent.h>
#include <dlfcn.h>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>

int main() {
  const std::string folder = "/opt/shapes/plugins";
  std::set<std::string> files;
  DIR *listed = opendir(folder.c_str());
  if (!listed) { std::cerr << "no " << folder << std::endl; return 2; }
  while (dirent *entry = readdir(listed))
    if (entry->d_name[0] != '.') files.insert(entry->d_name);
  closedir(listed);
  for (const std::string &file : files) {
    void *library = dlopen((folder + "/" + file).c_str(), RTLD_NOW);
    if (!library) { std::cerr << dlerror() << std::endl; return 3; }
    auto area = reinterpret_cast<double (*)(double)>(dlsym(library, "area"));
    try {
      const double found = area(2);
      std::cout << file << " " << found << std::endl;
    } catch (const std::exception &error) {
      std::cout << file << " threw " << error.what() << std::endl;
    }
  }
}
