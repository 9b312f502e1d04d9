// Walks controller.onnx through readings, one control step per line of standard input: gyro, quat,
// joint_pos, joint_vel, command, and torso_pos, torso_vel where the torso has the IMU. Prints each
// step's joint targets. Units and frames: docs/controller.md.
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) try {
  Ort::Env env;
  Ort::Session session(env, argc > 1 ? argv[1] : "controller.onnx", Ort::SessionOptions{});
  Ort::AllocatorWithDefaultOptions allocator;
  const auto metadata = session.GetModelMetadata();
  const auto period = metadata.LookupCustomMetadataMapAllocated("ctrl_dt", allocator);
  const double ctrl_dt = std::stod(period.get());
  const size_t n = session.GetInputTypeInfo(2).GetTensorTypeAndShapeInfo().GetShape()[1];
  const size_t num_inputs = session.GetInputCount();  // 7, or 9 where the torso has the IMU

  using Row = std::vector<float>;
  Row gyro(3), quat(4), joint_pos(n), joint_vel(n), command(3), torso_pos(1), torso_vel(1);
  Row last_action(n);  // zeros at first
  double time = 0;
  Row* readings[] = {&gyro, &quat, &joint_pos, &joint_vel, &command, &torso_pos, &torso_vel};

  // Tensors look at the rows above, so they are made once.
  const auto cpu = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  const auto tensor = [&](auto* data, std::vector<int64_t> shape) {
    return Ort::Value::CreateTensor(cpu, data, shape.back(), shape.data(), shape.size());
  };
  const auto row = [&](Row& r) { return tensor(r.data(), {1, static_cast<int64_t>(r.size())}); };
  const Ort::Value values[] = {
      row(gyro), row(quat), row(joint_pos), row(joint_vel), row(command), row(last_action),
      tensor(&time, {1}), tensor(torso_pos.data(), {1}), tensor(torso_vel.data(), {1})};
  const char* inputs[] = {"gyro", "quat", "joint_pos", "joint_vel", "command", "last_action",
                          "time", "torso_pos", "torso_vel"};
  const char* outputs[] = {"joint_targets", "action"};

  std::cout.precision(9);
  for (long step = 0;; ++step) {  // on a robot: every ctrl_dt seconds
    for (size_t i = 0; i < num_inputs - 2; ++i)  // all but last_action and time are read
      for (float& number : *readings[i]) std::cin >> number;
    if (!std::cin) return std::cin.eof() ? 0 : 1;
    time = step * ctrl_dt;
    const auto out = session.Run(Ort::RunOptions{}, inputs, values, num_inputs, outputs, 2);
    std::copy_n(out[1].GetTensorData<float>(), n, last_action.begin());
    for (size_t i = 0; i < n; ++i) std::cout << out[0].GetTensorData<float>()[i] << ' ';
    std::cout << std::endl;
  }
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
