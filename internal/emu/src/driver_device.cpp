// What is asked of a device: name, size, attributes.
#include <cstdio>

#include "device_limits.h"
#include "driver.h"

namespace emu {
namespace {

// attributeOf answers by the numbers of CUdevice_attribute. What compute libraries do not ask for is 0.
int attributeOf(const Device& d, int attribute) {
    const Config& c = driver().config;
    const Limits l = limitsOf(c.sm);
    switch (attribute) {
        case 1: return kMaxThreads;
        case 2: return kMaxBlockX;
        case 3: return kMaxBlockY;
        case 4: return kMaxBlockZ;
        case 5: return kMaxGridX;
        case 6: return kMaxGridY;
        case 7: return kMaxGridZ;
        case 8: return kDefaultShared;
        case 9: return 65536;  // constant memory
        case 10: return int(kLanes);
        case 11: return 0x7fffffff;  // pitch
        case 12: return kRegisters;
        case 13: return l.clockKHz;
        case 14: return 512;  // texture alignment
        case 15: return 1;    // overlap
        case 16: return l.processors;
        case 19: return 1;  // maps host memory
        case 31: return 1;  // concurrent kernels
        case 33: return 0;  // PCI bus
        case 34: return d.ordinal + 1;  // PCI device
        case 36: return l.memoryKHz;
        case 37: return l.bus;
        case 38: return l.l2;
        case 39: return l.threads;
        case 40: return 2;  // copy engines
        case 41: return 1;  // unified addressing
        case 75: return int(c.major());
        case 76: return int(c.minor());
        case 78: return 1;  // stream priorities
        case 81: return l.shared;
        case 82: return kRegisters;
        case 97: return l.optin;
        case 106: return l.blocks;
        case 111: return c.sm >= 80 ? kReservedShared : 0;
        default: return 0;
    }
}

void busId(const Device& d, char* out, size_t n) { snprintf(out, n, "0000:%02x:00.0", d.ordinal + 1); }

}  // namespace
EMU_API CUresult cuDeviceGetCount(int* count) {
    return run("cuDeviceGetCount", 0, 0, [&](Call&) {
        need(count);
        *count = int(driver().devices.size());
    });
}

EMU_API CUresult cuDeviceGet(CUdevice* dev, int ordinal) {
    return run("cuDeviceGet", 0, 0, [&](Call&) {
        need(dev);
        *dev = deviceAt(ordinal).ordinal;
    });
}

EMU_API CUresult cuDeviceGetName(char* name, int n, CUdevice dev) {
    return run("cuDeviceGetName", 0, 0, [&](Call&) {
        deviceAt(dev);
        need(name && n > 0);
        snprintf(name, size_t(n), "%s", driver().config.name.c_str());
    });
}

EMU_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
    return run("cuDeviceTotalMem_v2", 0, 0, [&](Call&) {
        need(bytes);
        *bytes = deviceAt(dev).memory.capacity();
    });
}

EMU_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) {
    return run("cuDeviceGetUuid_v2", 0, 0, [&](Call&) {
        need(uuid);
        memcpy(uuid->bytes, "cudiffuse-emu-\0", 16);
        uuid->bytes[15] = char(deviceAt(dev).ordinal);
    });
}

EMU_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) { return cuDeviceGetUuid_v2(uuid, dev); }

EMU_API CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice dev) {
    return run("cuDeviceGetAttribute", 0, 0, [&](Call&) {
        need(value && int(attribute) > 0 && int(attribute) < 200);
        *value = attributeOf(deviceAt(dev), int(attribute));
    });
}

EMU_API CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
    return run("cuDeviceComputeCapability", 0, 0, [&](Call&) {
        need(major && minor);
        *major = attributeOf(deviceAt(dev), 75);
        *minor = attributeOf(deviceAt(dev), 76);
    });
}

EMU_API CUresult cuDeviceGetPCIBusId(char* id, int n, CUdevice dev) {
    return run("cuDeviceGetPCIBusId", 0, 0, [&](Call&) {
        need(id && n > 12);
        busId(deviceAt(dev), id, size_t(n));
    });
}

}  // namespace emu
