"""The vendor's low-level messages: names, order and kinds as in unitree_sdk2_python's IDL.

Family hg is spoken by G1 and H1-2, family go by Go2 and H1.
"""

from deploy.wire.layout import Struct
from robots.spec import MOTOR_SLOTS

HG, GO = "unitree_hg.msg.dds_", "unitree_go.msg.dds_"

HG_MOTOR_CMD = Struct(
    f"{HG}.MotorCmd_",
    {"mode": "u1", "q": "f4", "dq": "f4", "tau": "f4", "kp": "f4", "kd": "f4", "reserve": "u4"},
)
HG_LOW_CMD = Struct(
    f"{HG}.LowCmd_",
    {
        "mode_pr": "u1",
        "mode_machine": "u1",
        "motor_cmd": (HG_MOTOR_CMD, MOTOR_SLOTS["hg"]),
        "reserve": ("u4", 4),
        "crc": "u4",
    },
)
HG_IMU_STATE = Struct(
    f"{HG}.IMUState_",
    {
        "quaternion": ("f4", 4),
        "gyroscope": ("f4", 3),
        "accelerometer": ("f4", 3),
        "rpy": ("f4", 3),
        "temperature": "i2",
    },
)
HG_MOTOR_STATE = Struct(
    f"{HG}.MotorState_",
    {
        "mode": "u1",
        "q": "f4",
        "dq": "f4",
        "ddq": "f4",
        "tau_est": "f4",
        "temperature": ("i2", 2),
        "vol": "f4",
        "sensor": ("u4", 2),
        "motorstate": "u4",
        "reserve": ("u4", 4),
    },
)
HG_LOW_STATE = Struct(
    f"{HG}.LowState_",
    {
        "version": ("u4", 2),
        "mode_pr": "u1",
        "mode_machine": "u1",
        "tick": "u4",
        "imu_state": HG_IMU_STATE,
        "motor_state": (HG_MOTOR_STATE, MOTOR_SLOTS["hg"]),
        "wireless_remote": ("u1", 40),
        "reserve": ("u4", 4),
        "crc": "u4",
    },
)

GO_MOTOR_CMD = Struct(
    f"{GO}.MotorCmd_",
    {
        "mode": "u1",
        "q": "f4",
        "dq": "f4",
        "tau": "f4",
        "kp": "f4",
        "kd": "f4",
        "reserve": ("u4", 3),
    },
)
GO_BMS_CMD = Struct(f"{GO}.BmsCmd_", {"off": "u1", "reserve": ("u1", 3)})
_GO_HEAD = {
    "head": ("u1", 2),
    "level_flag": "u1",
    "frame_reserve": "u1",
    "sn": ("u4", 2),
    "version": ("u4", 2),
    "bandwidth": "u2",
}
GO_LOW_CMD = Struct(
    f"{GO}.LowCmd_",
    {
        **_GO_HEAD,
        "motor_cmd": (GO_MOTOR_CMD, MOTOR_SLOTS["go"]),
        "bms_cmd": GO_BMS_CMD,
        "wireless_remote": ("u1", 40),
        "led": ("u1", 12),
        "fan": ("u1", 2),
        "gpio": "u1",
        "reserve": "u4",
        "crc": "u4",
    },
)
GO_IMU_STATE = Struct(
    f"{GO}.IMUState_",
    {
        "quaternion": ("f4", 4),
        "gyroscope": ("f4", 3),
        "accelerometer": ("f4", 3),
        "rpy": ("f4", 3),
        "temperature": "u1",
    },
)
GO_MOTOR_STATE = Struct(
    f"{GO}.MotorState_",
    {
        "mode": "u1",
        "q": "f4",
        "dq": "f4",
        "ddq": "f4",
        "tau_est": "f4",
        "q_raw": "f4",
        "dq_raw": "f4",
        "ddq_raw": "f4",
        "temperature": "u1",
        "lost": "u4",
        "reserve": ("u4", 2),
    },
)
GO_BMS_STATE = Struct(
    f"{GO}.BmsState_",
    {
        "version_high": "u1",
        "version_low": "u1",
        "status": "u1",
        "soc": "u1",
        "current": "i4",
        "cycle": "u2",
        "bq_ntc": ("u1", 2),
        "mcu_ntc": ("u1", 2),
        "cell_vol": ("u2", 15),
    },
)
GO_LOW_STATE = Struct(
    f"{GO}.LowState_",
    {
        **_GO_HEAD,
        "imu_state": GO_IMU_STATE,
        "motor_state": (GO_MOTOR_STATE, MOTOR_SLOTS["go"]),
        "bms_state": GO_BMS_STATE,
        "foot_force": ("i2", 4),
        "foot_force_est": ("i2", 4),
        "tick": "u4",
        "wireless_remote": ("u1", 40),
        "bit_flag": "u1",
        "adc_reel": "f4",
        "temperature_ntc1": "u1",
        "temperature_ntc2": "u1",
        "power_v": "f4",
        "power_a": "f4",
        "fan_frequency": ("u2", 4),
        "reserve": "u4",
        "crc": "u4",
    },
)
