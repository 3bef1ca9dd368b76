use bowstring::rows::Value;

struct Leg;

const _: bool = <Leg as Value>::NULLABLE;
const _: bool = <std::time::Duration as Value>::NULLABLE;
const _: bowstring::rows::Type = <Option<Option<f64>> as Value>::TYPE;

fn main() {}
