// Depth of one pair on OpenVINO, without Python: the compiled folder's `full` form, two PPM images in, a PFM out.
//
//   depth MODEL.xml LEFT.ppm RIGHT.ppm OUT.pfm [FOCAL_PX BASELINE_M [DOFFS_PX]]
//
// Without focal length and baseline it writes disparity in px, with them depth in m. README.md beside it builds it.
#include <openvino/openvino.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kMultiple = 32;  // `multiple` of the folder's manifest.json, px

struct Image {
    std::size_t height, width;
    std::vector<std::uint8_t> pixels;  // height x width x 3, RGB
};

// The next word of a PPM header; comments run from # to the end of the line.
std::string next_word(std::istream& file) {
    std::string word;
    while (file >> word && word[0] == '#') file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    return word;
}

Image read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file || next_word(file) != "P6") throw std::runtime_error(path + " is no binary PPM (P6)");
    const std::size_t width = std::stoul(next_word(file)), height = std::stoul(next_word(file));
    if (next_word(file) != "255") throw std::runtime_error(path + " has not 8 bits for each colour");
    file.get();  // the one blank behind the header
    Image image{height, width, std::vector<std::uint8_t>(height * width * 3)};
    file.read(reinterpret_cast<char*>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size()));
    if (!file) throw std::runtime_error(path + " ends too early");
    return image;
}

void write_pfm(const std::string& path, const std::vector<float>& values, std::size_t height, std::size_t width) {
    std::ofstream file(path, std::ios::binary);
    file << "Pf\n" << width << ' ' << height << "\n-1.0\n";  // negative: little-endian
    for (std::size_t row = height; row-- > 0;)                // from the bottom up
        file.write(reinterpret_cast<const char*>(&values[row * width]), static_cast<std::streamsize>(4 * width));
    if (!file) throw std::runtime_error(path + " cannot be written");
}

std::size_t round_up(std::size_t size) { return (size + kMultiple - 1) / kMultiple * kMultiple; }

// One view as the network takes it: edges repeated at the bottom and the right, up to the next multiple.
ov::Tensor pad(const Image& image, std::size_t height, std::size_t width) {
    ov::Tensor tensor(ov::element::u8, {1, height, width, 3});
    std::uint8_t* out = tensor.data<std::uint8_t>();
    for (std::size_t y = 0; y < height; ++y)
        for (std::size_t x = 0; x < width; ++x) {
            const std::size_t from = std::min(y, image.height - 1) * image.width + std::min(x, image.width - 1);
            std::copy_n(&image.pixels[3 * from], 3, out + 3 * (y * width + x));
        }
    return tensor;
}

// Without VNNI or AMX sums of 8-bit products saturate: OpenVINO then has to compute the integers in float32.
bool sums_bytes_exactly() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.rfind("flags", 0) == 0)
            return line.find("avx512_vnni") != line.npos || line.find("avx_vnni") != line.npos ||
                   line.find("amx_int8") != line.npos;
    return true;  // not an x86 processor
}

std::vector<float> predict(const std::string& model_path, const Image& left, const Image& right) {
    ov::Core core;
    ov::AnyMap settings{
        {"INFERENCE_PRECISION_HINT", "f32"},  // on processors with AMX it would be bfloat16
        {"PERFORMANCE_HINT", "LATENCY"},
    };
    if (!sums_bytes_exactly()) settings["LP_TRANSFORMS_MODE"] = "NO";
    ov::CompiledModel compiled = core.compile_model(core.read_model(model_path), "CPU", settings);
    ov::InferRequest request = compiled.create_infer_request();
    const std::size_t height = round_up(left.height), width = round_up(left.width);
    request.set_tensor("left", pad(left, height, width));
    request.set_tensor("right", pad(right, height, width));
    request.infer();
    const ov::Tensor found = request.get_tensor("disparity");  // 1 x height x width, px
    std::vector<float> disparity(left.height * left.width);
    for (std::size_t y = 0; y < left.height; ++y)
        std::copy_n(found.data<float>() + y * width, left.width, &disparity[y * left.width]);
    return disparity;
}

void to_depth(std::vector<float>& values, float focal, float baseline, float doffs) {
    for (float& value : values) {
        const float shift = value + doffs;
        value = shift > 0 ? focal * baseline / shift : std::numeric_limits<float>::infinity();
    }
}

}  // namespace

int main(int count, char** words) {
    if (count != 5 && count != 7 && count != 8) {
        std::cerr << "depth MODEL.xml LEFT.ppm RIGHT.ppm OUT.pfm [FOCAL_PX BASELINE_M [DOFFS_PX]]\n";
        return 2;
    }
    try {
        const Image left = read_ppm(words[2]), right = read_ppm(words[3]);
        if (left.height != right.height || left.width != right.width)
            throw std::runtime_error("the two views differ in size");
        std::vector<float> values = predict(words[1], left, right);
        if (count >= 7) to_depth(values, std::stof(words[5]), std::stof(words[6]), count > 7 ? std::stof(words[7]) : 0);
        write_pfm(words[4], values, left.height, left.width);
        std::vector<float> sorted = values;
        std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
        std::cout << left.width << 'x' << left.height << " px, median " << sorted[sorted.size() / 2]
                  << (count >= 7 ? " m" : " px") << '\n';
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 2;
    }
    return 0;
}
