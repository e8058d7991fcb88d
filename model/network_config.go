package model

// ParseNetwork returns the graph that the config.json of a UNet2DModel or a
// UNet2DConditionModel describes, without weights: enough to count what a network costs
// and to make plans for it. height and width are those of the sample it was made for, 0
// if the file does not say. file names the config in errors, which are [*ConfigError].
func ParseNetwork(file string, config []byte) (g *Graph, height, width int, err error) {
	const plain = "UNet2DModel"
	f := parseFields(file, config)
	class := f.choice("_class_name", plain, plain, conditionClass)
	if f.err != nil {
		return nil, 0, 0, f.err
	}
	noWeights := func(*Graph) (*Weights, error) { return nil, nil }
	if class == conditionClass {
		u, err := newUNetCondition(file, config, noWeights)
		if err != nil {
			return nil, 0, 0, err
		}
		return u.Graph(), u.Height(), u.Width(), nil
	}
	u, err := newUNet2D(file, config, noWeights)
	if err != nil {
		return nil, 0, 0, err
	}
	return u.Graph(), u.Height(), u.Width(), nil
}
