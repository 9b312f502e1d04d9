// Walks controller.onnx through readings, one control step per line of standard input: gyro, quat,
// joint_pos, joint_vel, command, and torso_pos, torso_vel where the torso has the IMU. Prints each
// step's joint targets. Units and frames: docs/controller.md.
#include <onnxruntime_cxx_api.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

int main(int argc, char** argv) try {
  const char* inputs[] = {"gyro", "quat", "joint_pos", "joint_vel", "command",
                          "last_action", "time", "torso_pos", "torso_vel"};
  const char* outputs[] = {"joint_targets", "action"};
  const size_t last_action = 5, time = 6;
  Ort::Env env;
  Ort::Session session(env, argc > 1 ? argv[1] : "controller.onnx", Ort::SessionOptions{});
  Ort::AllocatorWithDefaultOptions allocator;
  const auto metadata = session.GetModelMetadata();
  const double ctrl_dt =
      std::stod(metadata.LookupCustomMetadataMapAllocated("ctrl_dt", allocator).get());

  std::vector<std::vector<float>> rows(session.GetInputCount());  // zeros at first
  double seconds = 0;
  std::vector<Ort::Value> values;  // look at the rows above, so they are made once
  const auto cpu = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  for (size_t i = 0; i < rows.size(); ++i) {
    auto shape = session.GetInputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape();
    shape[0] = 1;  // one robot
    rows[i].resize(i == time ? 0 : shape.back());
    const auto tensor = [&](auto* data) {
      return Ort::Value::CreateTensor(cpu, data, shape.back(), shape.data(), shape.size());
    };
    values.push_back(i == time ? tensor(&seconds) : tensor(rows[i].data()));
  }

  std::cout.precision(9);
  for (long step = 0;; ++step) {  // on a robot: every ctrl_dt seconds
    for (size_t i = 0; i < rows.size(); ++i)
      if (i != last_action)
        for (float& number : rows[i]) std::cin >> number;
    if (!std::cin) return std::cin.eof() ? 0 : 1;
    seconds = step * ctrl_dt;
    auto out = session.Run(Ort::RunOptions{}, inputs, values.data(), values.size(), outputs, 2);
    values[last_action] = std::move(out[1]);
    for (size_t i = 0; i < rows[last_action].size(); ++i)
      std::cout << out[0].GetTensorData<float>()[i] << ' ';
    std::cout << std::endl;
  }
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
